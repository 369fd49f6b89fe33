"""The deadlines of the daily chain: a run that is not through in time is told.

Counted from the moment a run is queued. The runs of a partitioned DAG have no logical date, so a deadline
that refers to it would never be made (Airflow only logs that).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference  # type: ignore[attr-defined]

from spotify_pipeline.orchestration.alerts.callbacks import on_run_failure, tell
from spotify_pipeline.settings import Settings

log = logging.getLogger(__name__)


def watched(dag_id: str) -> dict[str, Any]:
    """Arguments of a DAG whose red runs and missed deadline are told."""
    return {"on_failure_callback": on_run_failure, "deadline": deadline(dag_id)}


def deadline(dag_id: str) -> DeadlineAlert | None:
    """The deadline of `spotify_<stage>`, from the setting `deadline_<stage>`; None where there is none, or 0.

    Read at parse, so nothing can be refused here: see `Settings.at_parse`.
    """
    name = f"deadline_{dag_id.removeprefix('spotify_')}"
    if name not in Settings.model_fields:
        return None
    seconds = Settings.at_parse(name)
    if seconds == 0:
        return None
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        # a number, as Airflow once took it and still does: clearing a task moves the deadline, and that part
        # of 3.3.2 reads a number only; a timedelta is stored in another form, and every clear answers 500
        interval=seconds,
        # in the triggerer, which every executor has beside it
        callback=AsyncCallback(missed),
        name=f"{dag_id} within {timedelta(seconds=seconds)}",
    )


async def missed(context: Mapping[str, Any]) -> None:
    """Tell that the run in `context` missed its deadline; called in the triggerer."""
    # the event loop is shared by all triggers: what may block goes elsewhere
    await asyncio.to_thread(_tell, context)


def _tell(context: Mapping[str, Any]) -> None:
    from spotify_pipeline.alerts import causes  # noqa: PLC0415

    run = context["dag_run"]
    moment = context["deadline"]["deadline_time"]
    when = moment if isinstance(moment, datetime) else datetime.fromisoformat(str(moment))
    place = causes.Place(
        partition=run.get("partition_key") or str(run.get("run_after") or "")[:10],
        dag_id=run["dag_id"],
        run_id=run["dag_run_id"],
        links={"Run": _address(run["dag_id"], run["dag_run_id"])},
    )
    tell(causes.deadline_missed(place, when.astimezone(UTC), str(run.get("state") or "unknown")))


def _address(dag_id: str, run_id: str) -> str:
    from airflow.sdk.configuration import conf  # noqa: PLC0415

    base = str(conf.get("api", "base_url", fallback="http://localhost:8080/")).rstrip("/")
    return f"{base}/dags/{dag_id}/runs/{quote(run_id)}"
