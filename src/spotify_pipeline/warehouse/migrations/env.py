"""Run by Alembic: one transaction for all revisions, one migration at a time."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from spotify_pipeline.warehouse.tables import metadata


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table="alembic_version",
        version_table_schema="ops",
        include_schemas=True,
        transactional_ddl=True,
        transaction_per_migration=False,
    )
    context.run_migrations()


_run(context.config.attributes["connection"])
