"""Two faults for one step, drawn by seed: both in one attempt, or the second in the retry of the first."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from tests.faults.attempt import Prepare
from tests.faults.cell import Faults, Moment, run_plan
from tests.faults.environment import Environment
from tests.faults.interpose import WAYS, Way
from tests.faults.schedules import Outcome

PAIRS = 300


def pairs_of_faults(
    environment: Environment,
    moments: Sequence[Moment],
    prepare: Prepare | None = None,
    *,
    seed: int = 1,
    count: int = PAIRS,
) -> Outcome:
    """Steps meet two faults each. A failed request is repeated within the attempt, as in production."""
    rng = random.Random(f"pairs {seed}")
    outcome = Outcome()
    weights = [moment.calls for moment in moments]
    for _ in range(count):
        (moment,) = rng.choices(moments, weights)
        environment.freeze_clock(moment.step.day)
        environment.restore(moment.before)
        cell = run_plan(environment, moment, draw(rng, moment), prepare=prepare, repeats_requests=True)
        outcome.injected += len(cell.failed_calls)
        outcome.seconds.append(cell.seconds)
        outcome.findings += [replace(each, subject=f"{cell.where}: {each.subject}") for each in cell.findings]
    return outcome


def draw(rng: random.Random, moment: Moment) -> list[Faults]:
    """Return the faults of the first attempt, or of the first two.

    A refresh of the login is left out: if its response is lost, only the user can repair it.
    """
    logins = set(moment.numbers("^api POST"))
    calls = [n for n in range(1, moment.calls + 1) if n not in logins]
    first, second = rng.choice(calls), rng.choice(calls)
    way = rng.choice(WAYS)
    if rng.random() < 0.5:
        return [{first: way}, {second: rng.choice(WAYS)}]
    # the second one soon after, perhaps in the repetition of the request that failed
    return [{first: rng.choice((Way.REFUSED, Way.LOST)), first + rng.randint(1, 4): way}]
