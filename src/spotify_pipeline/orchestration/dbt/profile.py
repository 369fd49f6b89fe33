"""The dbt profile that Cosmos makes of the connection `warehouse_dbt`."""

from __future__ import annotations

from cosmos.profiles import PostgresUserPasswordProfileMapping


class WarehouseProfileMapping(PostgresUserPasswordProfileMapping):
    """Cosmos' own mapping of a Postgres connection, and the authority that signed the server's certificate.

    Cosmos 1.15 hands over `sslmode` only; with `verify-full` libpq then looks for the authority in the
    home of whoever runs the task.
    """

    airflow_param_mapping = PostgresUserPasswordProfileMapping.airflow_param_mapping | {
        "sslrootcert": "extra.sslrootcert"
    }
