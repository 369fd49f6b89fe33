"""The dbt profile that Cosmos makes of the connection `warehouse_dbt`."""

from __future__ import annotations

from cosmos.profiles import PostgresUserPasswordProfileMapping

from spotify_pipeline.warehouse.connection import TLS_OPTIONS


class WarehouseProfileMapping(PostgresUserPasswordProfileMapping):
    """Cosmos' own mapping of a Postgres connection, with all TLS options of its extra.

    Cosmos 1.15 hands over `sslmode` only; libpq then looks for the authority and for the client's certificate
    in the home of whoever runs the task.
    """

    airflow_param_mapping = PostgresUserPasswordProfileMapping.airflow_param_mapping | {
        name: f"extra.{name}" for name in TLS_OPTIONS
    }
