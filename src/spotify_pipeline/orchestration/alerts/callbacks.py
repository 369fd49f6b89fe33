"""Callbacks and deadlines of the DAGs.

Every DAG file imports this module at parse, so modules that only an alert needs are imported later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference  # type: ignore[attr-defined]

from spotify_pipeline.errors import PipelineError
from spotify_pipeline.settings import Settings

if TYPE_CHECKING:
    from spotify_pipeline.alerts.alert import Alert
    from spotify_pipeline.alerts.causes import Origin

log = logging.getLogger(__name__)
# Airflow's reason for a run that ended because one of its tasks failed, which sends its own alert
_TASK_FAILED = "task_failure"
_NOTIFIED = "alert_sent"
# states of a run
_QUEUED, _SUCCESS = "queued", "success"
_POLL = timedelta(seconds=30)


def alert_arguments(dag_id: str) -> dict[str, Any]:
    """Return the arguments of a DAG that make it send alerts for failed runs and missed deadlines."""
    return {"on_failure_callback": on_run_failure, "deadline": deadline(dag_id)}


def on_task_failure(context: Mapping[str, Any]) -> None:
    """Send an alert for a task that failed for good, unless its error was reported already."""
    try:
        alert = _of_failed_task(context)
        if alert is not None:
            notify(alert)
    except Exception as error:  # a callback must not fail
        log.warning("no alert could be made of this failure (%s)", type(error).__name__)


def on_run_failure(context: Mapping[str, Any]) -> None:
    """Send an alert for a run that failed without a failed task."""
    try:
        from spotify_pipeline.alerts import causes  # noqa: PLC0415

        reason = str(context.get("reason") or "no reason given")
        if reason != _TASK_FAILED:
            notify(causes.run_failed(origin_of(context), reason))
    except Exception as error:
        log.warning("no alert could be made of this failure (%s)", type(error).__name__)


def notify(alert: Alert) -> None:
    """Send an alert once through the channels of the settings; never raises."""
    try:
        from spotify_pipeline.orchestration.alerts.channels import send  # noqa: PLC0415

        send(alert)
    except Exception as error:
        log.warning("alert '%s' could not be sent (%s)", alert.title, type(error).__name__)


def mark_notified(error: BaseException) -> None:
    """Mark an error as alerted, so that the failure of its task does not send a second alert."""
    error.__dict__[_NOTIFIED] = True


def origin_of(context: Mapping[str, Any]) -> Origin:
    """Return the run and task of a context; without a partition, its date is the run's `run_after`."""
    from spotify_pipeline.alerts.causes import Origin  # noqa: PLC0415

    instance, run = context.get("ti"), context.get("dag_run")
    partition = getattr(run, "partition_key", None)
    moment = getattr(run, "run_after", None)
    dag = context.get("dag")
    return Origin(
        partition=partition or (moment.date().isoformat() if moment else ""),
        dag_id=getattr(instance, "dag_id", None) or getattr(dag, "dag_id", None),
        run_id=context.get("run_id") or getattr(instance, "run_id", None),
        task_id=_task_name(instance),
        links={} if instance is None else {"Log": str(instance.log_url)},
    )


def _of_failed_task(context: Mapping[str, Any]) -> Alert | None:
    from spotify_pipeline.alerts import causes  # noqa: PLC0415

    error = context.get("exception")
    chain = _chain(error if isinstance(error, BaseException) else None)
    if any(link.__dict__.get(_NOTIFIED) for link in chain):
        return None
    origin = origin_of(context)
    make_alert = next((link.alert_from for link in chain if hasattr(link, "alert_from")), None)
    if make_alert is not None:
        made: Alert = make_alert(origin)
        return made
    # Airflow's error wraps ours, and ours wraps the library's; ours has the text for operators
    ours = next((link for link in chain if isinstance(link, PipelineError)), None)
    root = ours or (chain[-1] if chain else None)
    if root is not None and type(root).__name__ == "CosmosDbtRunError":
        return causes.model_failed(origin, str(origin.task_id), str(root))
    return causes.task_failed(origin, root)


def _chain(error: BaseException | None) -> list[BaseException]:
    """Return an error and its chain of causes, the first cause last."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ if isinstance(error.__cause__, Exception) else None
    return found


def _task_name(instance: Any) -> str | None:
    if instance is None:
        return None
    index = getattr(instance, "map_index", -1)
    name = str(instance.task_id)
    return f"{name}[{index}]" if isinstance(index, int) and index >= 0 else name


def deadline(dag_id: str) -> DeadlineAlert | None:
    """Return the deadline of DAG `spotify_<name>` from the setting `deadline_<name>`; None if it has none.

    Airflow calls `missed` that many seconds after the run was queued. `missed` then counts from the start of
    the run: Airflow has no such deadline, and runs of partitioned DAGs have no logical date. The setting is
    read at parse, so a wrong value is not refused here (see `Settings.at_parse`).
    """
    name = f"deadline_{dag_id.removeprefix('spotify_')}"
    if name not in Settings.model_fields:
        return None
    seconds = Settings.at_parse(name)
    if seconds == 0:
        return None
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        # a number, which Airflow accepts: clearing a task moves the deadline, and that part of 3.3.2 reads
        # numbers only; a timedelta is stored in another form, and every clear fails with 500
        interval=seconds,
        # runs in the triggerer, with every executor
        callback=AsyncCallback(missed, kwargs={"seconds": seconds}),
        name=f"{dag_id} within {timedelta(seconds=seconds)}",
    )


async def missed(seconds: float, context: Mapping[str, Any]) -> None:
    """Send an alert for the run in `context` if it takes longer than `seconds`; called in the triggerer.

    A replay of many dates queues all runs at once, and all but the first wait for others. Therefore the time
    counts from the start of a run: this waits until the run has ended, or that time has passed.
    """
    try:
        late = await _lateness(context["dag_run"], timedelta(seconds=seconds))
    except Exception as error:  # a run that was deleted, or an API that does not respond
        log.warning("the run cannot be watched any longer (%s)", type(error).__name__)
        return
    if late is not None:
        # all triggers share the event loop, so blocking calls run in a thread
        await asyncio.to_thread(_notify_missed, context["dag_run"], *late)


async def _lateness(run: Mapping[str, Any], limit: timedelta) -> tuple[datetime, str] | None:
    """Return the due time of a late run and its state; None for a run that ended in time."""
    state, start, end = str(run.get("state")), _moment(run.get("start_date")), _moment(run.get("end_date"))
    if state == _SUCCESS and start and end:
        return (start + limit, state) if end > start + limit else None
    poll = min(_POLL, max(limit / 4, timedelta(seconds=0.5)))
    while state != _SUCCESS:
        now, wait = datetime.now(UTC), poll
        if state == _QUEUED:
            start = None
        else:
            start = start or now
            if now >= start + limit:
                return start + limit, state
            wait = min(poll, start + limit - now)
        await asyncio.sleep(wait.total_seconds())
        state = await asyncio.to_thread(_state_of, run["dag_id"], run["dag_run_id"])
    return None


def _moment(text: Any) -> datetime | None:
    return text if text is None or isinstance(text, datetime) else datetime.fromisoformat(str(text))


def _state_of(dag_id: str, run_id: str) -> str:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # noqa: PLC0415 - heavy

    state: Any = RuntimeTaskInstance.get_dagrun_state(dag_id, run_id)
    return str(getattr(state, "value", state))


def _notify_missed(run: Mapping[str, Any], due: datetime, state: str) -> None:
    from spotify_pipeline.alerts import causes  # noqa: PLC0415

    origin = causes.Origin(
        partition=run.get("partition_key") or str(run.get("run_after") or "")[:10],
        dag_id=run["dag_id"],
        run_id=run["dag_run_id"],
        links={"Run": _address(run["dag_id"], run["dag_run_id"])},
    )
    notify(causes.deadline_missed(origin, due.astimezone(UTC), state))


def _address(dag_id: str, run_id: str) -> str:
    from airflow.sdk.configuration import conf  # noqa: PLC0415

    base = str(conf.get("api", "base_url", fallback="http://localhost:8080/")).rstrip("/")
    return f"{base}/dags/{dag_id}/runs/{quote(run_id)}"
