"""What dbt's verdicts become in Airflow: a failure that says where the bad rows are, or a visible warning."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from spotify_pipeline.alerts import causes
from spotify_pipeline.orchestration.alerts.callbacks import place_of, tell

if TYPE_CHECKING:
    from airflow.sdk import Context

    from spotify_pipeline.alerts.alert import Alert

log = logging.getLogger(__name__)
WARNED = "warn"
WARNING_KEY = "dbt_warning"
"""XCom of a task whose node only warns; the link *Warning* of the task hangs on it."""


class BadData(AirflowFailException):
    """dbt's verdict is against the data: trying again would find the same rows."""

    def __init__(self, wrong: Iterable[Any]) -> None:
        self._wrong = list(wrong)
        super().__init__("; ".join(f"{node.node.name}: {said(node)}{_look(node)}" for node in self._wrong))

    def alert_of(self, place: causes.Place) -> Alert:
        """The alert of the first verdict; a task has one node."""
        first = self._wrong[0]
        if not first.node.unique_id.startswith("test."):
            return causes.model_failed(place, first.node.name, said(first))
        return causes.bad_rows(place, first.node.name, said(first), failing_rows(first), warned=False)


def said(outcome: Any) -> str:
    """dbt's own words for a node, or its status."""
    return str(getattr(outcome, "message", None) or f"status {outcome.status}")


def failing_rows(outcome: Any) -> str | None:
    """The table in which a test keeps its failing rows, as SQL names it; None where it keeps none."""
    found = getattr(outcome.node, "relation_name", None)
    return str(found).replace('"', "") if found and outcome.node.unique_id.startswith("test.") else None


def log_queries(outcomes: Iterable[Any]) -> None:
    """Write the compiled SQL of what went wrong to the task's log."""
    for outcome in outcomes:
        code = getattr(outcome.node, "compiled_code", None)
        if code:
            log.error("compiled SQL of %s:\n%s", outcome.node.name, str(code).strip())


def note_warnings(outcomes: Iterable[Any], context: Context) -> None:
    """Make a verdict of severity `warn` seen: in the log, as an XCom with a link, and as an alert."""
    for outcome in outcomes:
        if str(outcome.status) != WARNED:
            continue
        log.warning("%s warns: %s%s", outcome.node.name, said(outcome), _look(outcome))
        context["ti"].xcom_push(key=WARNING_KEY, value=f"{outcome.node.name}: {said(outcome)}")
        place = place_of(context)
        tell(
            causes.bad_rows(place, outcome.node.name, said(outcome), failing_rows(outcome), warned=True)
            if outcome.node.unique_id.startswith("test.")
            else causes.node_warned(place, outcome.node.name, said(outcome))
        )


def _look(outcome: Any) -> str:
    rows = failing_rows(outcome)
    return f" (see the rows in {rows})" if rows else ""
