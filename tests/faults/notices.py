"""A schedule of alerts: each call that sends one fails once, and an operator still gets it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from spotify_pipeline.alerts.alert import Alert
from spotify_pipeline.alerts.dispatch import FileChannel, dispatch
from spotify_pipeline.connections import WAREHOUSE_INGEST
from spotify_pipeline.stages.runtime import Runtime
from tests.faults.attempt import Prepare, attempt
from tests.faults.cell import Moment
from tests.faults.driver import Step
from tests.faults.environment import DAY, Environment
from tests.faults.interpose import WAYS, Way
from tests.faults.oracle import Finding, warehouse_at_rest
from tests.faults.schedules import Outcome

ALERT = Alert("SourcesFailed", "a source failed", "what", "why", "how", partition=DAY.isoformat())


def alerted(
    environment: Environment,
    moments: Sequence[Moment],
    prepare: Prepare | None = None,
    *,
    ways: Sequence[Way] = WAYS,
) -> Outcome:
    """Three tasks raise the same alert, and a call of the first fails: it arrives once.

    After a fault it may arrive twice: if its record is lost, it is unknown whether it arrived.
    """
    outcome = Outcome()
    for way in ways:
        for number in count(1):
            environment.restore(moments[0].before)
            _file(environment).unlink(missing_ok=True)
            first = attempt(
                environment, Step(DAY, "alert"), {}, faults={number: way}, prepare=prepare, work=send
            )
            others = [
                attempt(environment, Step(DAY, "alert"), {}, number=n, prepare=prepare, work=send)
                for n in (2, 3)
            ]
            has_failed = first.failed_call is not None
            outcome.injected += has_failed
            outcome.seconds.append(others[0].seconds)
            where = f"alert, call {number} ({first.failed_call}) {way}"
            found = list(_check(environment, at_most=2 if has_failed else 1))
            if not all(each.is_done for each in others):
                found.append(Finding("errors", "the task of the alert", others[0].error or others[1].error))
            outcome.findings += [replace(each, subject=f"{where}: {each.subject}") for each in found]
            if not has_failed:
                break
    outcome.findings += warehouse_at_rest(environment.inspector())
    return outcome


def send(runtime: Runtime, step: Step, _: Mapping[str, Any]) -> None:
    """Send the alert as the callback of a failed task does."""
    channel = FileChannel(runtime.settings.sources.with_name("alerts.ndjson"))
    dispatch(ALERT, [channel], warehouse=lambda: runtime.lookup(WAREHOUSE_INGEST), lake=lambda: runtime.lake)


def _file(environment: Environment) -> Path:
    return environment.folder / "alerts.ndjson"


def _check(environment: Environment, at_most: int) -> Iterator[Finding]:
    path = _file(environment)
    sent = len(path.read_text().splitlines()) if path.exists() else 0
    if not 1 <= sent <= at_most:
        yield Finding("alerts", ALERT.cause, f"sent {sent} times", lost=int(not sent), wrong=max(sent - 1, 0))
    with environment.superuser() as conn:
        rows = conn.execute("SELECT delivered_to FROM ops.alert WHERE cause = %s", [ALERT.cause]).fetchall()
    if rows != [(["file"],)]:
        yield Finding("rows", "ops.alert", f"delivered to {rows}, not once to the file")
