"""Runs the parts of the suite that go step by step: every n-th call, other orders, planted bugs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.faults import exhaustive
from tests.faults.bugs import BUGS, find_bug
from tests.faults.cell import Moment
from tests.faults.environment import DAYS, Environment, environments
from tests.faults.exhaustive import Unit
from tests.faults.interpose import WAYS
from tests.faults.notices import alerted
from tests.faults.pairs import PAIRS, pairs_of_faults
from tests.faults.recoveries import (
    erased_stays_out,
    killed_warehouse,
    lost_commits,
    outage_to_the_last_try,
)
from tests.faults.rules import (
    Rule,
    album_in_two_parts,
    closed_bucket,
    mostly_bad,
    past_day,
    repaired_record,
)
from tests.faults.schedules import (
    Outcome,
    concurrent_loads,
    days_in_reverse,
    orphan_and_retry,
    replay_and_ingest,
    run_twice,
)
from tests.faults.servers import Servers, serving
from tests.faults.shortages import meet_shortages
from tests.faults.switch import switched
from tests.faults.table import Row
from tests.faults.upgrades import upgraded

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
        exhaustive.warm_up_in(made[0])
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
            rows += _schedules(made, every, seed)
        if "bugs" in kinds:
            rows += _bugs(made, folder)
        return rows


def _schedules(made: Prepared, every: int, seed: int) -> list[Row]:
    environment, days, everything = made.environments[0], made.days, made.moments
    first = [
        m for m in days if m.step.day == DAYS[0] and m.step.task in {"plan", "fetch", "load", "reconcile"}
    ]
    pairs = max(1, PAIRS // every)
    schedules: dict[str, tuple[str, Callable[[], Outcome]]] = {
        "a finished day again": ("all", lambda: run_twice(environment, days)),
        "days in reverse order, from raw": ("all", lambda: days_in_reverse(environment, days)),
        "concurrent loads": ("load", lambda: concurrent_loads(environment, days, every=every)),
        "publication by switch": ("publish", lambda: switched(environment, days, every=every)),
        "old process and its retry": ("all", lambda: orphan_and_retry(environment, first, every=every)),
        "replay and ingest at the same time": (
            "replay",
            lambda: replay_and_ingest(environment, everything, every=every),
        ),
        "two faults": (
            "all",
            lambda: pairs_of_faults(environment, everything, seed=seed, count=pairs),
        ),
        "shortages": ("all", lambda: meet_shortages(environment, everything)),
        "lost commits": ("replay", lambda: lost_commits(environment, days)),
        "warehouse killed after a load": ("load", lambda: killed_warehouse(environment, days)),
        "outage to the last try": ("band", lambda: outage_to_the_last_try(environment, days)),
        "erased data comes back": ("erase", lambda: erased_stays_out(environment, everything)),
        "alert": ("alert", lambda: alerted(environment, days)),
        "upgrade of a filled warehouse": ("migrate", lambda: upgraded(environment, days, every=every)),
    }
    rules = {
        "quota ends between two pages": ("lists", closed_bucket),
        "quota ends within an album": ("band", album_in_two_parts),
        "quarantined record is repaired": ("quarantine", repaired_record),
        "more bad records than allowed": ("load band", mostly_bad),
        "past date": ("plan", past_day),
    }
    for name, (step, rule) in rules.items():
        schedules[name] = (step, partial(_outcome_of, rule, environment, days))
    rows = []
    for name, (step, schedule) in schedules.items():
        outcome = schedule()
        lost = sum(finding.lost for finding in outcome.findings)
        wrong = sum(finding.wrong for finding in outcome.findings)
        findings = [f"{name}: {finding}" for finding in outcome.findings]
        rows.append(Row(name, step, outcome.injected, lost, wrong, outcome.seconds, findings))
        _report(f"{name}: {outcome.injected} times, {len(findings)} findings")
    return rows


def _outcome_of(rule: Rule, environment: Environment, moments: Sequence[Moment]) -> Outcome:
    return Outcome(rule(environment, moments, None), 1)


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
