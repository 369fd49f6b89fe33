"""Runs one cell: a step some of whose calls fail, its retries, and all oracles."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.attempt import Attempt, Prepare, attempt
from tests.faults.driver import Step
from tests.faults.environment import Environment, Saved
from tests.faults.interpose import Way
from tests.faults.oracle import Finding, State, differences, warehouse_at_rest

_LOGIN_LOST = r"AuthenticationError: the response to a refresh of the login was lost .* auth login"
RETRIES = 2
"""Attempts without a fault after those with one; the second should not be needed."""
Faults = Mapping[int, Way]
"""The calls of one attempt that fail, by number from 1, each with its way."""


@dataclass(frozen=True)
class Moment:
    """A step of an undisturbed run, the environment before and after it, and its I/O calls in their order."""

    step: Step
    before: Saved
    after: Saved
    labels: Sequence[str]
    api_calls: int

    @property
    def calls(self) -> int:
        """The number of I/O calls that it makes."""
        return len(self.labels)

    def numbers(self, pattern: str) -> list[int]:
        """Return the numbers of the calls whose label matches."""
        return [n for n, label in enumerate(self.labels, 1) if re.search(pattern, label)]


@dataclass
class Cell:
    """The result of a plan: the faults of each attempt, the calls that they reached, and the findings."""

    step: Step
    plan: Sequence[Faults]
    failed_calls: list[str] = field(default_factory=list)
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    @property
    def failed_call(self) -> str | None:
        """The first call that failed; None if the step has fewer calls than the number of the fault."""
        return self.failed_calls[0] if self.failed_calls else None

    @property
    def where(self) -> str:
        """The text by which the cell can be repeated."""
        tries = [", ".join(f"call {n} {way}" for n, way in faults.items()) for faults in self.plan]
        return f"{self.step.day} {self.step}, {'; then '.join(tries)} ({', '.join(self.failed_calls)})"


def run_cell(
    environment: Environment, moment: Moment, way: Way, n: int, *, prepare: Prepare | None = None
) -> Cell:
    """Run a step with a fault in its n-th call, retry, and check everything."""
    return run_plan(environment, moment, [{n: way}], prepare=prepare)


def run_plan(
    environment: Environment,
    moment: Moment,
    plan: Sequence[Faults],
    *,
    prepare: Prepare | None = None,
    repeats_requests: bool = False,
) -> Cell:
    """Restore the environment, run the step with the faults of each attempt, retry, and check everything."""
    step = moment.step
    cell = Cell(step, plan)
    environment.restore(moment.before, rows=step.writes_rows)
    environment.sandbox.control.reset_calls()
    login_lost = False
    for number, faults in enumerate([*plan, *[{}] * RETRIES], 1):
        tried = attempt(
            environment,
            step,
            moment.before.carried,
            number=number,
            faults=faults,
            prepare=prepare,
            repeats_requests=repeats_requests,
        )
        cell.failed_calls += tried.failed_calls
        cell.seconds += tried.seconds if number > 1 else 0.0
        if login_lost:
            cell.findings += _of_lost_login(tried)
            environment.log_in_again()
        elif faults:
            cell.findings += _of_attempt(tried, faults)
            cell.findings += half_written(environment, moment) if tried.failed_calls else []
        elif not tried.is_done:
            cell.findings.append(Finding("recovery", f"try {number}", f"{tried.ended}: {tried.error}"))
        if tried.is_done:
            break
        login_lost = not login_lost and _loses_login(tried, faults) and environment.has_lost_login()
    cell.findings += at_the_end(environment, moment, tried, failed=len(cell.failed_calls))
    return cell


def _loses_login(tried: Attempt, faults: Faults) -> bool:
    """Return whether a response with a new refresh token may be lost, which no retry can get again."""
    ways = set(faults.values())
    return bool(ways & {Way.LOST, Way.KILLED}) and any(c.startswith("api POST") for c in tried.failed_calls)


def _of_lost_login(retry: Attempt) -> Iterator[Finding]:
    if retry.ended != "fatal" or not re.match(_LOGIN_LOST, retry.error):
        yield Finding(
            "login", "the retry", f"does not say that the login is lost: {retry.ended} {retry.error}"
        )


def _of_attempt(tried: Attempt, faults: Faults) -> Iterator[Finding]:
    yield from of_outage(tried)
    if tried.failed_calls and set(faults.values()) == {Way.KILLED} and tried.ended != "killed":
        yield Finding("harness", "first attempt", f"should have been killed, and ended {tried.ended}")


def of_outage(tried: Attempt) -> Iterator[Finding]:
    """Check that an attempt that meets an outage ends in time, and if not well then as transient."""
    if tried.ended == "hanging":
        yield Finding("bounds", "first attempt", tried.error)
    elif tried.ended == "fatal":
        # an outage must be a transient error of the pipeline
        yield Finding("errors", "first attempt", tried.error)


def half_written(environment: Environment, moment: Moment) -> list[Finding]:
    """Check that between a fault and its retry all results of a step are visible, or none.

    Of an operation only the manifests are checked: no partition that has lost a part may look complete.
    """
    before, after = moment.before.state, moment.after.state
    now, findings = environment.inspect()
    if moment.step.is_operation:
        return findings
    rows, untouched, complete = (_results_of(state) for state in (now, before, after))
    if rows.tables not in (untouched.tables, complete.tables):
        changed = differences(untouched, rows)
        text = "rows of a step that has not ended: " + "; ".join(map(str, changed))[:500]
        findings.append(Finding("half-written", str(moment.step), text))
    for key, digest in now.objects.items():
        if key in before.objects and before.objects[key] == digest:
            continue
        if (
            key.endswith("/_manifest.json")
            and _says_complete(environment, key)
            and digest != after.objects.get(key)
        ):
            findings.append(Finding("half-written", key, "says complete, but is not"))
        if key.endswith("/_summary.json"):
            findings += _unfinished_validation(key, now, after)
    return findings


def _results_of(state: State) -> State:
    """Return the rows without leases, which a step takes before its transaction."""
    return State({table: rows for table, rows in state.tables.items() if table != "ops.step_lease"})


def _says_complete(environment: Environment, key: str) -> bool:
    return bool(json.loads(environment.lake.get(key).data)["complete"])


def _unfinished_validation(key: str, now: State, after: State) -> list[Finding]:
    """Check that the objects of a validation are complete, because its counts, written last, exist."""
    folder = key.removesuffix("_summary.json")
    folders = (folder, folder.replace("validated/", "quarantine/", 1))
    keys = [each for each in after.objects if each.startswith(folders)]
    wrong = [each for each in keys if now.objects.get(each) != after.objects[each]]
    return [Finding("half-written", key, f"exists, but {each} differs or is absent") for each in wrong]


def at_the_end(
    environment: Environment, moment: Moment, last: Attempt, *, failed: int = 0
) -> Iterator[Finding]:
    """Check everything after the last attempt; `failed` calls were made to fail."""
    step = moment.step
    if environment.has_lost_login():
        yield Finding("login", str(step), "the refresh token that Spotify gave is not stored", lost=1)
    state, half = environment.inspect()
    yield from warehouse_at_rest(environment.inspector())
    yield from half
    yield from differences(moment.after.state, state)
    expected = moment.after.carried[step.key]
    if last.is_done and last.result != expected:
        yield Finding("result", str(step), f"returns {last.result}, not {expected}")
    made = environment.sandbox.control.calls(recent=1).api_total if moment.api_calls else 0
    # only the responses that were being handled when a fault came may be lost
    allowed = moment.api_calls + failed
    if made > allowed:
        yield Finding("calls", str(step), f"{made} calls of the Web API where {allowed} are enough")
