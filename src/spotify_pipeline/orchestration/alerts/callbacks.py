"""Alerts out of Airflow: the callbacks of failed tasks and runs, and what any task may tell.

Imported at parse by every DAG file, so what only an alert needs is imported when there is one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spotify_pipeline.connections import SPOTIFY_LAKE, WAREHOUSE_INGEST
from spotify_pipeline.errors import PipelineError

if TYPE_CHECKING:
    from spotify_pipeline.alerts.alert import Alert
    from spotify_pipeline.alerts.causes import Place

log = logging.getLogger(__name__)
# Airflow's words for a run that ended because a task of it failed: that task has an alert
_TASK_FAILED = "task_failure"


def on_task_failure(context: Mapping[str, Any]) -> None:
    """Callback of a task that failed for good: tell it, unless what it failed of is told already."""
    try:
        alert = _of_failed_task(context)
        if alert is not None:
            tell(alert)
    except Exception as error:  # a callback must not make things worse
        log.warning("no alert could be made of this failure (%s)", type(error).__name__)


def on_run_failure(context: Mapping[str, Any]) -> None:
    """Callback of a run that ended red: tell it where no task of it failed by itself."""
    try:
        from spotify_pipeline.alerts import causes  # noqa: PLC0415

        reason = str(context.get("reason") or "no reason given")
        if reason != _TASK_FAILED:
            tell(causes.run_failed(place_of(context), reason))
    except Exception as error:
        log.warning("no alert could be made of this failure (%s)", type(error).__name__)


def tell(alert: Alert) -> None:
    """Tell an alert once through the channels of the settings; never raises."""
    try:
        from spotify_pipeline.alerts.dispatch import dispatch  # noqa: PLC0415
        from spotify_pipeline.lake import Lake  # noqa: PLC0415
        from spotify_pipeline.orchestration.alerts.channels import channels  # noqa: PLC0415
        from spotify_pipeline.orchestration.metrics import count_alert  # noqa: PLC0415
        from spotify_pipeline.orchestration.tasks.runtime import from_airflow  # noqa: PLC0415
        from spotify_pipeline.settings import Settings  # noqa: PLC0415

        count_alert(alert.cause, alert.severity)
        dispatch(
            _redacted(alert),
            channels(Settings.load()),
            warehouse=lambda: from_airflow(WAREHOUSE_INGEST),
            lake=lambda: Lake(from_airflow(SPOTIFY_LAKE)),
        )
    except Exception as error:
        log.warning("alert '%s' could not be told (%s)", alert.title, type(error).__name__)


def mark_told(error: BaseException) -> None:
    """Say that an error has an alert of its own: the task's failure is then not told a second time."""
    error.__dict__["alert_told"] = True


def place_of(context: Mapping[str, Any]) -> Place:
    """Where a callback or task is. A run without a partition is of the day that it runs after."""
    from spotify_pipeline.alerts.causes import Place  # noqa: PLC0415

    instance, run = context.get("ti"), context.get("dag_run")
    partition = getattr(run, "partition_key", None)
    moment = getattr(run, "run_after", None)
    dag = context.get("dag")
    return Place(
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
    if any(link.__dict__.get("alert_told") for link in chain):
        return None
    place = place_of(context)
    verdict = next((link.alert_of for link in chain if hasattr(link, "alert_of")), None)
    if verdict is not None:
        made: Alert = verdict(place)
        return made
    # Airflow's own class wraps ours, and ours what a library said: ours is the sentence for a reader
    ours = next((link for link in chain if isinstance(link, PipelineError)), None)
    root = ours or (chain[-1] if chain else None)
    if root is not None and type(root).__name__ == "CosmosDbtRunError":
        return causes.model_failed(place, str(place.task_id), str(root))
    return causes.task_failed(place, root)


def _chain(error: BaseException | None) -> list[BaseException]:
    """An error and what it was raised from on purpose, the first cause last."""
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


def _redacted(alert: Alert) -> Alert:
    """Without any value that Airflow knows to be a secret."""
    from airflow.sdk.log import redact  # noqa: PLC0415

    return alert.with_texts(lambda text: str(redact(text)))
