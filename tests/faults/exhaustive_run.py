"""Runs the parts of the suite that go step by step: every n-th call, other orders, planted bugs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults import exhaustive
from tests.faults.bugs import BUGS, find_bug
from tests.faults.cell import Moment
from tests.faults.environment import DAYS, Environment, environments
from tests.faults.exhaustive import Unit
from tests.faults.interpose import WAYS
from tests.faults.rules import closed_bucket, mostly_bad, past_day
from tests.faults.schedules import Outcome, concurrent_loads, days_in_reverse, orphan_and_retry, run_twice
from tests.faults.servers import Servers, serving
from tests.faults.switch import switched
from tests.faults.table import Row

PARTS = ("exhaustive", "schedules", "bugs")


@dataclass(frozen=True)
class Prepared:
    """Environments, and the undisturbed run of the first: its days, then its operations."""

    environments: Sequence[Environment]
    moments: Sequence[Moment]

    @property
    def days(self) -> Sequence[Moment]:
        """The steps of the days, without the operations."""
        return [moment for moment in self.moments if not moment.step.is_operation]


@contextmanager
def prepared(servers: Servers, folder: Path, count: int, days: Sequence[object] = DAYS) -> Iterator[Prepared]:
    """Yield environments, after the days have run without a fault in the first."""
    with environments(servers, folder, count) as made:
        yield Prepared(made, exhaustive.undisturbed(made[0], days))


def run(
    scale: float,
    seed: int,
    folder: Path,
    *,
    kinds: Sequence[str] = PARTS,
    workers: int = 2,
    steps: str = "",
    days: int = len(DAYS),
) -> list[Row]:
    """Run parts and return their rows; a `scale` below 1 selects a share of the calls, by `seed`."""
    every = max(1, round(1 / scale))
    with serving(folder) as servers, prepared(servers, folder, workers, DAYS[:days]) as made:
        rows: list[Row] = []
        if "exhaustive" in kinds:
            units = [
                Unit(number, way, 1 + (seed + number) % every, every)
                for number, moment in enumerate(made.moments)
                if re.search(steps, str(moment.step))
                for way in WAYS
            ]
            rows += exhaustive.run(made.environments, made.moments, units, _report)
        if "schedules" in kinds:
            rows += _schedules(made, every)
        if "bugs" in kinds:
            rows += _bugs(made, folder)
        return rows


def _schedules(made: Prepared, every: int) -> list[Row]:
    environment, moments = made.environments[0], made.days
    first = [
        m for m in moments if m.step.day == DAYS[0] and m.step.task in {"plan", "fetch", "load", "reconcile"}
    ]
    outcomes = {
        "a finished day again": ("all", run_twice(environment, moments)),
        "days in reverse order, from raw": ("all", days_in_reverse(environment, moments)),
        "concurrent loads": ("load", concurrent_loads(environment, moments)),
        "publication by switch": ("publish", switched(environment, moments, every=every)),
        "old process and its retry": ("all", orphan_and_retry(environment, first, every=3 * every)),
    }
    rules = {
        "quota ends between two pages": ("lists", closed_bucket),
        "more bad records than allowed": ("load band", mostly_bad),
        "past date": ("plan", past_day),
    }
    for name, (step, rule) in rules.items():
        outcomes[name] = (step, Outcome(rule(environment, moments, None), 1))
    rows = []
    for name, (step, outcome) in outcomes.items():
        lost = sum(finding.lost for finding in outcome.findings)
        wrong = sum(finding.wrong for finding in outcome.findings)
        findings = [f"{name}: {finding}" for finding in outcome.findings]
        rows.append(Row(name, step, outcome.injected, lost, wrong, outcome.seconds, findings))
        _report(f"{name}: {outcome.injected} times, {len(findings)} findings")
    return rows


def _bugs(made: Prepared, folder: Path) -> list[Row]:
    """Plant every bug; a bug that no oracle finds is a finding."""
    rows = []
    for bug in BUGS:
        verdict = find_bug(made.environments[0], made.moments, bug)
        found = ", ".join(verdict.oracles) or "NO ORACLE"
        _report(f"planted: {bug.name} ({bug.what}; {bug.where}): found by {found}; {verdict.first[:160]}")
        missed = [] if verdict.is_found else [f"planted bug '{bug.name}' was found by no oracle"]
        found_by = f"found by {', '.join(verdict.oracles)}" if verdict.is_found else "NOT FOUND"
        rows.append(Row(f"planted: {bug.name}", found_by, 1, 0, 0, [verdict.seconds], missed))
    return rows


def _report(text: str) -> None:
    print(text, flush=True)
