"""Checks situations in which a step must refuse, or must load a source as partial."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from spotify_pipeline.stages.runtime import Runtime
from tests.faults.attempt import Prepare, attempt
from tests.faults.cell import Moment
from tests.faults.driver import Step, perform
from tests.faults.environment import Environment
from tests.faults.oracle import Finding

PLAYLIST = "lists"
_MEMBERS = "SELECT playlist_id, observed_on, position, track_id, complete FROM {}"


def closed_bucket(
    environment: Environment, moments: Sequence[Moment], prepare: Prepare | None
) -> list[Finding]:
    """The quota ends between two pages of a playlist: the loaded part must not count as the complete list."""
    steps = [m for m in moments if m.step.source == PLAYLIST][:3]
    environment.freeze_clock(steps[0].step.day)
    environment.restore(steps[0].before)
    control = environment.sandbox.control
    control.exhaust_quota("/v1/playlists/.*offset=", retry_after=2, times=1)
    carried = dict(steps[0].before.carried)
    findings: list[Finding] = []
    for moment in steps:
        done = attempt(environment, moment.step, carried, prepare=prepare)
        carried[moment.step.key] = done.result
        if not done.is_done:
            findings.append(Finding("recovery", str(moment.step), f"{done.ended}: {done.error}"))
    with environment.superuser() as conn:
        whole = conn.execute("SELECT list_id FROM staging.list_reads WHERE complete").fetchall()
    status = carried[steps[-1].step.key]
    if status is None or status["status"] != "partial":
        findings.append(Finding("result", PLAYLIST, f"returns {status}, not partial"))
    findings += [
        Finding("complete", list_id, "a list that was not read to its end", wrong=1) for (list_id,) in whole
    ]
    # when the bucket is open again, the same day continues from there
    control.set_clock(f"{steps[0].step.day.isoformat()}T06:00:05Z", frozen=True)
    for moment in steps:
        done = attempt(environment, moment.step, carried, number=2, prepare=prepare)
        if not done.is_done:
            findings.append(Finding("recovery", str(moment.step), f"{done.ended}: {done.error}"))
    with environment.superuser() as conn:
        schema = steps[-1].after.schema
        tables = (f"{schema}.staging_playlist_membership", "staging.playlist_membership")
        wanted, got = (Counter(conn.execute(_MEMBERS.format(table).encode())) for table in tables)
    lost, wrong = (wanted - got).total(), (got - wanted).total()
    if lost or wrong:
        text = f"{lost} members lost, {wrong} wrong"
        findings.append(Finding("rows", "staging.playlist_membership", text, lost, wrong))
    return findings


def mostly_bad(environment: Environment, moments: Sequence[Moment], prepare: Prepare | None) -> list[Finding]:
    """If no bad record is allowed, a source with one loads nothing and fails with a clear error."""
    moment = next(m for m in moments if str(m.step) == "load band")
    environment.freeze_clock(moment.step.day)
    environment.restore(moment.before)

    def strict(runtime: Runtime, step: Step, carried: Mapping[str, Any]) -> Any:
        settings = runtime.settings.model_copy(update={"quarantine_share": 0.0})
        return perform(replace(runtime, settings=settings), step, carried)

    done = attempt(environment, moment.step, moment.before.carried, prepare=prepare, work=strict)
    if not done.error.startswith("QuarantineShareExceeded"):
        return [Finding("refusal", "load band", f"ended {done.ended} {done.error}", wrong=1)]
    return []


def past_day(environment: Environment, moments: Sequence[Moment], prepare: Prepare | None) -> list[Finding]:
    """A past date without stored responses is refused."""
    moment = moments[0]
    environment.freeze_clock(moments[-1].step.day)
    environment.restore(moment.before)
    done = attempt(environment, moment.step, {}, prepare=prepare)
    if not done.error.startswith("PastPartition"):
        return [Finding("refusal", str(moment.step), f"ended {done.ended} {done.error}", wrong=1)]
    return []
