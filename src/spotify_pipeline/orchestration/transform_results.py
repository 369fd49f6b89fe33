"""Results of dbt's nodes as rows of `ops.dbt_result`: no Airflow, no Cosmos."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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


def read_results(path: Path) -> list[NodeResult]:
    """Read dbt's `run_results.json`; none when dbt ended before it wrote one.

    Shape: https://schemas.getdbt.com/dbt/run-results/v6.json
    """
    if not path.is_file():
        return []
    return [
        NodeResult(
            unique_id=result["unique_id"],
            status=result["status"],
            execution_time=result["execution_time"],
            rows_affected=_rows(result.get("adapter_response") or {}),
            failures=result.get("failures"),
            message=result.get("message"),
        )
        for result in json.loads(path.read_bytes())["results"]
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


def _rows(adapter_response: dict[str, object]) -> int | None:
    rows = adapter_response.get("rows_affected")
    # views and DDL answer -1
    return rows if isinstance(rows, int) and rows >= 0 else None
