"""Maps the connection `warehouse_dbt` to a dbt profile."""

from __future__ import annotations

from cosmos.profiles import PostgresUserPasswordProfileMapping

from spotify_pipeline.warehouse.connection import TLS_OPTIONS


class WarehouseProfileMapping(PostgresUserPasswordProfileMapping):
    """Extends Cosmos' mapping of a Postgres connection by all TLS options of its extra.

    Cosmos 1.15 maps only `sslmode`; libpq then looks for the authority and the client's certificate in the
    home folder of the task's user.
    """

    airflow_param_mapping = PostgresUserPasswordProfileMapping.airflow_param_mapping | {
        name: f"extra.{name}" for name in TLS_OPTIONS
    }
