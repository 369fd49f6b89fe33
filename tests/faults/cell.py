"""One cell of the exhaustive part: a step whose n-th call goes wrong, its retries, and all oracles."""

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
"""Attempts in all: the one that is hit, its retry, and one more that should not be needed."""


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
        """How many I/O calls it makes."""
        return len(self.labels)

    def numbers(self, pattern: str) -> list[int]:
        """Numbers of the calls whose label matches."""
        return [n for n, label in enumerate(self.labels, 1) if re.search(pattern, label)]


@dataclass
class Cell:
    """What became of one injection. `struck` names the call; None: the step has fewer than `n` of them."""

    step: Step
    way: Way
    n: int
    struck: str | None = None
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    @property
    def where(self) -> str:
        """Enough to run it again."""
        return f"{self.step.day} {self.step}, call {self.n} ({self.struck}) {self.way}"


def run_cell(
    environment: Environment, moment: Moment, way: Way, n: int, *, prepare: Prepare | None = None
) -> Cell:
    """Put the environment back to before the step, hit its n-th call, try again, and look at everything."""
    step = moment.step
    cell = Cell(step, way, n)
    environment.put_back(moment.before, rows=step.writes_rows)
    asks_spotify = moment.api_calls > 0
    if asks_spotify:
        environment.sandbox.control.reset_calls()
    hit = attempt(environment, step, moment.before.carried, strike=n, way=way, prepare=prepare)
    cell.struck = hit.struck
    cell.findings += _of_attempt(hit, way)
    if hit.struck is not None:
        cell.findings += half_written(environment, moment)
    last, login_lost = hit, _loses_login(hit, way) and environment.has_lost_login()
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
        # the response that was in hand when the fault came may be lost with it, and no other
        allowed = moment.api_calls + (hit.struck is not None)
        if made > allowed:
            detail = f"{made} calls of the Web API where {allowed} are enough"
            cell.findings.append(Finding("calls", str(step), detail))
    return cell


def _loses_login(hit: Attempt, way: Way) -> bool:
    """Whether a response with a new refresh token can be lost: no retry can get it again."""
    return way in {Way.LOST, Way.KILLED} and (hit.struck or "").startswith("api POST")


def _of_lost_login(retry: Attempt) -> Iterator[Finding]:
    if retry.ended != "fatal" or not re.match(_LOGIN_LOST, retry.error):
        yield Finding(
            "login", "the retry", f"does not say that the login is lost: {retry.ended} {retry.error}"
        )


def _of_attempt(hit: Attempt, way: Way) -> Iterator[Finding]:
    if hit.ended == "hanging":
        yield Finding("bounds", "first attempt", hit.error)
    elif hit.ended == "fatal":
        # an outage is never a reason to give up, and never without a name
        yield Finding("errors", "first attempt", hit.error)
    elif hit.struck is not None and way is Way.KILLED and hit.ended != "killed":
        yield Finding("harness", "first attempt", f"should have been killed, and ended {hit.ended}")


def half_written(environment: Environment, moment: Moment) -> list[Finding]:
    """What can be seen between a fault and its retry: all of a step or nothing of it."""
    before, after = moment.before.state, moment.after.state
    now, findings = environment.look()
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
            findings.append(Finding("half-written", key, "says that it is complete, and is not"))
        if key.endswith("/_summary.json"):
            findings += _unfinished_validation(key, now, after)
    return findings


def _says_complete(environment: Environment, key: str) -> bool:
    return bool(json.loads(environment.lake.get(key).data)["complete"])


def _unfinished_validation(key: str, now: State, after: State) -> list[Finding]:
    """Counts are written last: where they are, the rest is."""
    folder = key.removesuffix("_summary.json")
    folders = (folder, folder.replace("validated/", "quarantine/", 1))
    keys = [each for each in after.objects if each.startswith(folders)]
    wrong = [each for each in keys if now.objects.get(each) != after.objects[each]]
    return [Finding("half-written", key, f"is there, and {each} is not as it should be") for each in wrong]


def _at_the_end(environment: Environment, moment: Moment, last: Attempt) -> list[Finding]:
    state, half = environment.look()
    findings = warehouse_at_rest(environment.inspector()) + half + differences(moment.after.state, state)
    expected = moment.after.carried[moment.step.key]
    if last.is_done and last.result != expected:
        findings.append(Finding("result", str(moment.step), f"hands on {last.result}, not {expected}"))
    return findings
