"""What a dataset is called, so that what ingest says and what dbt says of a table are the same words.

OpenLineage names a dataset by namespace and name (https://openlineage.io/docs/spec/naming): of Postgres
`postgres://host:port` and `database.schema.table`, of S3 `s3://bucket` and the key. Airflow's asset of a
table is `postgres://host:port/database/schema/table`, as its Postgres provider and Cosmos have it.
"""

from __future__ import annotations

from dataclasses import dataclass

from spotify_pipeline.connections import ConnectionInfo

POSTGRES_PORT = 5432


@dataclass(frozen=True)
class DatasetName:
    """One dataset, wherever it is spoken of."""

    namespace: str
    name: str


def table(warehouse: ConnectionInfo, schema: str, name: str) -> DatasetName:
    """A table or view of the warehouse.

    Give the connection that dbt has (`warehouse_dbt`), whoever writes the table: another login may reach the
    same server by another name, and then nothing would join.

    Raises:
        ConfigurationError: the connection has no host or no database.
    """
    return DatasetName(_server(warehouse), f"{warehouse.require('schema')}.{schema}.{name}")


def table_uri(warehouse: ConnectionInfo, schema: str, name: str) -> str:
    """URI of the Airflow asset of a table or view; raises what `table` raises."""
    return f"{_server(warehouse)}/{warehouse.require('schema')}/{schema}/{name}"


def zone(lake: ConnectionInfo, name: str, source: str) -> DatasetName:
    """What one source has in a zone of the lake, for example `raw/source=jazz`, on all dates.

    The key without its date, and without the user it may lie under: a dataset is one node of the lineage, not
    one a day, and a lineage store keeps what it was told when the user's objects are long erased.

    Raises:
        ConfigurationError: the connection names no bucket.
    """
    return DatasetName(f"s3://{lake.require('schema')}", f"{name}/source={source}")


def _server(warehouse: ConnectionInfo) -> str:
    return f"postgres://{warehouse.require('host')}:{warehouse.port or POSTGRES_PORT}"
