"""Handles dbt's results: rows of `ops.dbt_result`, failures that name the bad rows, and warnings."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from spotify_pipeline.alerts import causes
from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.orchestration.alerts.callbacks import notify, origin_of
from spotify_pipeline.orchestration.metrics import count_node
from spotify_pipeline.warehouse.connection import connect

if TYPE_CHECKING:
    from airflow.sdk import Context

    from spotify_pipeline.alerts.alert import Alert

log = logging.getLogger(__name__)
WARNED = "warn"
WARNING_KEY = "dbt_warning"
"""XCom of a task whose node warned; the task's link *Warning* reads it."""
_INSERT = """
    INSERT INTO ops.dbt_result (
        partition, run_id, try_number, unique_id, resource_type, status, execution_time, rows_affected,
        failures, message, task_id
    ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
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
    """Convert the results that dbt's runner returns.

    Args:
        outcomes: dbt's `RunResult`s (https://schemas.getdbt.com/dbt/run-results/v6.json); those of a
            freshness check have no rows and no failures.
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


def count_results(results: Iterable[NodeResult]) -> None:
    """Count results in Airflow's metrics."""
    for result in results:
        count_node(result.resource_type, result.status, result.execution_time)


def write_results(
    warehouse: ConnectionInfo,
    results: Sequence[NodeResult],
    *,
    partition: str | None,
    run_id: str,
    task_id: str,
    try_number: int,
) -> None:
    """Insert one row per result in one transaction.

    Raises:
        WarehouseUnavailable: Postgres cannot be reached.
        ConfigurationError: the login has no right to write there.
    """
    with connect(warehouse) as connection, connection.cursor() as cursor:
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
                    task_id,
                )
                for result in results
            ],
        )


def _rows(adapter_response: Mapping[str, object]) -> int | None:
    rows = adapter_response.get("rows_affected")
    # views and DDL report -1
    return rows if isinstance(rows, int) and rows >= 0 else None


class BadData(AirflowFailException):
    """dbt found bad data, which a retry would find again."""

    def __init__(self, wrong: Iterable[Any]) -> None:
        self._wrong = list(wrong)
        super().__init__(
            "; ".join(f"{node.node.name}: {message_of(node)}{_where(node)}" for node in self._wrong)
        )

    def alert_from(self, origin: causes.Origin) -> Alert:
        """Return the alert of the first bad node; a task has one node."""
        first = self._wrong[0]
        if not first.node.unique_id.startswith("test."):
            return causes.model_failed(origin, first.node.name, message_of(first))
        return causes.bad_rows(origin, first.node.name, message_of(first), failing_rows(first), warned=False)


def message_of(outcome: Any) -> str:
    """Return dbt's message about a node, or its status."""
    return str(getattr(outcome, "message", None) or f"status {outcome.status}")


def failing_rows(outcome: Any) -> str | None:
    """Return the SQL name of the table in which a test stores its failing rows, or None."""
    found = getattr(outcome.node, "relation_name", None)
    return str(found).replace('"', "") if found and outcome.node.unique_id.startswith("test.") else None


def log_queries(outcomes: Iterable[Any]) -> None:
    """Write the compiled SQL of failed nodes to the task's log."""
    for outcome in outcomes:
        code = getattr(outcome.node, "compiled_code", None)
        if code:
            log.error("compiled SQL of %s:\n%s", outcome.node.name, str(code).strip())


def note_warnings(outcomes: Iterable[Any], context: Context) -> None:
    """Report results with status `warn` in the log, as an XCom with a link, and as an alert."""
    for outcome in outcomes:
        if str(outcome.status) != WARNED:
            continue
        log.warning("%s warns: %s%s", outcome.node.name, message_of(outcome), _where(outcome))
        context["ti"].xcom_push(key=WARNING_KEY, value=f"{outcome.node.name}: {message_of(outcome)}")
        origin = origin_of(context)
        notify(
            causes.bad_rows(
                origin, outcome.node.name, message_of(outcome), failing_rows(outcome), warned=True
            )
            if outcome.node.unique_id.startswith("test.")
            else causes.node_warned(origin, outcome.node.name, message_of(outcome))
        )


def _where(outcome: Any) -> str:
    rows = failing_rows(outcome)
    return f" (see the rows in {rows})" if rows else ""
