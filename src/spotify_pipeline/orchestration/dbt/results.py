"""Results of dbt's nodes as rows of `ops.dbt_result`: no Airflow, no Cosmos."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.warehouse.connection import connect, naming_the_server

_INSERT = """
    INSERT INTO ops.dbt_result (
        partition, run_id, try_number, unique_id, resource_type, status, execution_time, rows_affected,
        failures, message
    ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True)
class NodeResult:
    """One node of one dbt invocation; `execution_time` in seconds, `failures` only of tests."""

    unique_id: str
    status: str
    execution_time: float
    rows_affected: int | None
    failures: int | None
    message: str | None

    @property
    def resource_type(self) -> str:
        """`model`, `seed`, `test`, …: the first word of dbt's ids."""
        return self.unique_id.partition(".")[0]


def node_results(outcomes: Iterable[Any]) -> list[NodeResult]:
    """Take what is kept from the results that dbt's runner returns.

    Shape: `RunResult` of dbt, https://schemas.getdbt.com/dbt/run-results/v6.json; those of a freshness check
    have no rows and no failures.
    """
    return [
        NodeResult(
            unique_id=outcome.node.unique_id,
            status=str(outcome.status),
            execution_time=outcome.execution_time,
            rows_affected=_rows(outcome.adapter_response or {}),
            failures=getattr(outcome, "failures", None),
            message=outcome.message,
        )
        for outcome in outcomes
    ]


def write_results(
    warehouse: ConnectionInfo,
    results: Sequence[NodeResult],
    *,
    partition: str | None,
    run_id: str,
    try_number: int,
) -> None:
    """Append one row per result, all or none.

    Raises:
        WarehouseUnavailable: Postgres cannot be reached.
        ConfigurationError: the login may not write there.
    """
    with naming_the_server(warehouse), connect(warehouse) as connection, connection.cursor() as cursor:
        cursor.executemany(
            _INSERT,
            [
                (
                    partition,
                    run_id,
                    try_number,
                    result.unique_id,
                    result.resource_type,
                    result.status,
                    result.execution_time,
                    result.rows_affected,
                    result.failures,
                    result.message,
                )
                for result in results
            ],
        )


def _rows(adapter_response: Mapping[str, object]) -> int | None:
    rows = adapter_response.get("rows_affected")
    # views and DDL answer -1
    return rows if isinstance(rows, int) and rows >= 0 else None
