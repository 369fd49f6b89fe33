"""What every `make test` runs of the faults suite: the calls that matter most, and some planted bugs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spotify_stack.object_store import SeaweedServer
from spotify_stack.postgres import PostgresServer
from tests.faults.attempt import attempt
from tests.faults.bugs import BUGS, hunt, moment_of
from tests.faults.cell import run_cell
from tests.faults.environment import DAYS
from tests.faults.exhaustive_run import Ground, ground
from tests.faults.interpose import WAYS, Way
from tests.faults.schedules import twice
from tests.faults.servers import Servers
from tests.faults.switch import switched

pytestmark = pytest.mark.integration
# a step, and which of its calls: the last one that matches
CALLS = (
    ("plan", "warehouse COMMIT"),
    ("fetch band", "api GET /v1/albums"),
    ("fetch band", "store PUT raw/_manifest"),
    ("fetch lists", "api POST"),
    ("validate band", "store PUT validated/_summary"),
    ("load band", "ops.load_seq"),
    ("load band", "warehouse COMMIT"),
    ("load lists", "warehouse COMMIT"),
    ("fetch _details", "store PUT raw/_selection"),
    ("reconcile", "warehouse COMMIT"),
)
SOME_BUGS = (
    "manifest first",
    "asks again",
    "token not stored",
    "loss not noted",
    "quarantine swallowed",
    "no transaction",
    "commit believed",
    "absent means left",
    "publication apart",
    "catch-up skipped",
)


@pytest.fixture(scope="module")
def made(
    postgres_server: PostgresServer, s3_server: SeaweedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("faults")
    with ground(Servers(postgres_server, s3_server), folder, 1, DAYS[:1]) as made:
        yield made


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("step", "call"), CALLS)
def test_promise_3_killed_anywhere_same_result(made: Ground, step: str, call: str, way: Way) -> None:
    (environment,) = made.environments
    moment = moment_of(made.moments, step)
    environment.go_to(moment.step.day)
    environment.put_back(moment.before)
    cell = run_cell(environment, moment, way, moment.numbers(call)[-1])
    assert cell.struck is not None
    assert cell.findings == []


def test_a_finished_partition_runs_again_unchanged(made: Ground) -> None:
    (environment,) = made.environments
    assert twice(environment, made.moments).findings == []


def test_promise_7_a_killed_publication_is_seen_whole(made: Ground) -> None:
    (environment,) = made.environments
    outcome = switched(environment, made.moments, ways=[Way.KILLED], every=3)
    assert outcome.findings == []
    assert outcome.injected > 5


@pytest.mark.parametrize("name", SOME_BUGS)
def test_a_planted_bug_is_found(made: Ground, name: str) -> None:
    (environment,) = made.environments
    bug = next(bug for bug in BUGS if bug.name == name)
    assert hunt(environment, made.moments, bug).oracles != ()


def test_every_planted_bug_still_fits_the_code(made: Ground) -> None:
    (environment,) = made.environments
    step = made.moments[0].step
    for bug in BUGS:
        ended = attempt(environment, step, {}, prepare=bug.plant, work=lambda *_: "planted")
        assert (bug.name, ended.result) == (bug.name, "planted")
