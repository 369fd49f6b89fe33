"""Runs one cell of the exhaustive part: a step whose n-th call fails, its retries, and all oracles."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.faults.attempt import Attempt, Prepare, attempt
from tests.faults.driver import Step
from tests.faults.environment import Environment, Saved
from tests.faults.interpose import Way
from tests.faults.oracle import Finding, State, differences, warehouse_at_rest

_LOGIN_LOST = r"AuthenticationError: the response to a refresh of the login was lost .* auth login"
TRIES = 3
"""Attempts in all: the one that fails, its retry, and one more that should not be needed."""


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
    """The result of one fault; `failed_call` is None if the step has fewer than `n` calls."""

    step: Step
    way: Way
    n: int
    failed_call: str | None = None
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    @property
    def where(self) -> str:
        """The text by which the cell can be repeated."""
        return f"{self.step.day} {self.step}, call {self.n} ({self.failed_call}) {self.way}"


def run_cell(
    environment: Environment, moment: Moment, way: Way, n: int, *, prepare: Prepare | None = None
) -> Cell:
    """Restore the environment, run the step with a fault in its n-th call, retry, and check everything."""
    step = moment.step
    cell = Cell(step, way, n)
    environment.restore(moment.before, rows=step.writes_rows)
    asks_spotify = moment.api_calls > 0
    if asks_spotify:
        environment.sandbox.control.reset_calls()
    first = attempt(environment, step, moment.before.carried, fail_at=n, way=way, prepare=prepare)
    cell.failed_call = first.failed_call
    cell.findings += _of_attempt(first, way)
    if first.failed_call is not None:
        cell.findings += half_written(environment, moment)
    last, login_lost = first, _loses_login(first, way) and environment.has_lost_login()
    for number in range(2, TRIES + 1):
        if last.is_done:
            break
        last = attempt(environment, step, moment.before.carried, number=number, prepare=prepare)
        cell.seconds += last.seconds
        if login_lost:
            cell.findings += _of_lost_login(last)
            environment.log_in_again()
            login_lost = False
        elif not last.is_done:
            cell.findings.append(Finding("recovery", f"try {number}", f"{last.ended}: {last.error}"))
    if environment.has_lost_login():
        detail = "the refresh token that Spotify gave is not stored"
        cell.findings.append(Finding("login", str(step), detail, lost=1))
    cell.findings += _at_the_end(environment, moment, last)
    if asks_spotify:
        made = environment.sandbox.control.calls(recent=1).api_total
        # only the response that was being handled when the fault came may be lost
        allowed = moment.api_calls + (first.failed_call is not None)
        if made > allowed:
            detail = f"{made} calls of the Web API where {allowed} are enough"
            cell.findings.append(Finding("calls", str(step), detail))
    return cell


def _loses_login(first: Attempt, way: Way) -> bool:
    """Return whether a response with a new refresh token may be lost, which no retry can get again."""
    return way in {Way.LOST, Way.KILLED} and (first.failed_call or "").startswith("api POST")


def _of_lost_login(retry: Attempt) -> Iterator[Finding]:
    if retry.ended != "fatal" or not re.match(_LOGIN_LOST, retry.error):
        yield Finding(
            "login", "the retry", f"does not say that the login is lost: {retry.ended} {retry.error}"
        )


def _of_attempt(first: Attempt, way: Way) -> Iterator[Finding]:
    if first.ended == "hanging":
        yield Finding("bounds", "first attempt", first.error)
    elif first.ended == "fatal":
        # an outage must be a transient error of the pipeline
        yield Finding("errors", "first attempt", first.error)
    elif first.failed_call is not None and way is Way.KILLED and first.ended != "killed":
        yield Finding("harness", "first attempt", f"should have been killed, and ended {first.ended}")


def half_written(environment: Environment, moment: Moment) -> list[Finding]:
    """Check that between a fault and its retry all results of a step are visible, or none."""
    before, after = moment.before.state, moment.after.state
    now, findings = environment.inspect()
    if now.tables not in (before.tables, after.tables):
        changed = differences(State(before.tables), State(now.tables))
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


def _says_complete(environment: Environment, key: str) -> bool:
    return bool(json.loads(environment.lake.get(key).data)["complete"])


def _unfinished_validation(key: str, now: State, after: State) -> list[Finding]:
    """Check that the objects of a validation are complete, because its counts, written last, exist."""
    folder = key.removesuffix("_summary.json")
    folders = (folder, folder.replace("validated/", "quarantine/", 1))
    keys = [each for each in after.objects if each.startswith(folders)]
    wrong = [each for each in keys if now.objects.get(each) != after.objects[each]]
    return [Finding("half-written", key, f"exists, but {each} differs or is absent") for each in wrong]


def _at_the_end(environment: Environment, moment: Moment, last: Attempt) -> list[Finding]:
    state, half = environment.inspect()
    findings = warehouse_at_rest(environment.inspector()) + half + differences(moment.after.state, state)
    expected = moment.after.carried[moment.step.key]
    if last.is_done and last.result != expected:
        findings.append(Finding("result", str(moment.step), f"returns {last.result}, not {expected}"))
    return findings
