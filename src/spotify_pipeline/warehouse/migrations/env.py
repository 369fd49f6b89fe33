"""Environment of Alembic: one transaction for all revisions, on the connection that the caller opened."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from spotify_pipeline.warehouse.tables import metadata

SCHEMAS = frozenset(table.schema for table in metadata.tables.values())


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table="alembic_version",
        version_table_schema="ops",
        include_schemas=True,
        # autogenerate looks at no schema of dbt
        include_name=lambda name, kind, _parents: kind != "schema" or name in SCHEMAS,
        compare_server_default=True,
        transactional_ddl=True,
        transaction_per_migration=False,
    )
    context.run_migrations()


_run(context.config.attributes["connection"])
