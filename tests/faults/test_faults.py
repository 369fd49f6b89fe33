"""Runs a part of the faults suite in `make test`: the calls that matter most, and some planted bugs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spotify_stack.object_store import SeaweedServer
from spotify_stack.postgres import PostgresServer
from tests.faults.attempt import attempt
from tests.faults.bugs import BUGS, find_bug, moment_of
from tests.faults.cell import run_cell
from tests.faults.environment import DAYS
from tests.faults.exhaustive_run import Prepared, prepared
from tests.faults.interpose import WAYS, Way
from tests.faults.schedules import run_twice
from tests.faults.servers import Servers
from tests.faults.shortages import meet_shortages
from tests.faults.switch import switched

pytestmark = pytest.mark.integration
# a step and a pattern; the last call that matches fails
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
    ("replay", "warehouse COMMIT"),
    ("report", "store PUT reports"),
    ("erase", "warehouse COMMIT"),
    ("retain", "warehouse COMMIT"),
)
BUGS_OF_EACH_KIND = ("manifest first", "commit believed", "absent means left", "erased let in")
MORE_BUGS = (
    "asks again",
    "token not stored",
    "loss not noted",
    "quarantine swallowed",
    "no transaction",
    "catch-up skipped",
    "resolved at once",
    "begun albums forgotten",
    "outage drops a source",
    "rollout is final",
)


@pytest.fixture(scope="module")
def prepared_days(
    postgres_server: PostgresServer, s3_server: SeaweedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prepared]:
    folder = tmp_path_factory.mktemp("faults")
    with prepared(Servers(postgres_server, s3_server), folder, 1, DAYS[:1]) as prepared_days:
        yield prepared_days


@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=pytest.mark.slow if way is Way.REFUSED else ()) for way in WAYS]
)
@pytest.mark.parametrize(("step", "call"), CALLS)
def test_promise_3_killed_anywhere_same_result(
    prepared_days: Prepared, step: str, call: str, way: Way
) -> None:
    (environment,) = prepared_days.environments
    moment = moment_of(prepared_days.moments, step)
    environment.freeze_clock(moment.step.day)
    environment.restore(moment.before)
    cell = run_cell(environment, moment, way, moment.numbers(call)[-1])
    assert cell.failed_call is not None
    assert cell.findings == []


def test_a_finished_partition_runs_again_unchanged(prepared_days: Prepared) -> None:
    (environment,) = prepared_days.environments
    assert run_twice(environment, prepared_days.days).findings == []


def test_promise_7_readers_see_a_killed_publication_whole(prepared_days: Prepared) -> None:
    (environment,) = prepared_days.environments
    outcome = switched(environment, prepared_days.days, ways=[Way.KILLED], every=6)
    assert outcome.findings == []
    assert outcome.injected > 2


@pytest.mark.slow
def test_a_full_disk_or_server_is_survived(prepared_days: Prepared) -> None:
    (environment,) = prepared_days.environments
    for shortage in ("disk is full", "no connection"):
        outcome = meet_shortages(environment, prepared_days.moments, only=shortage)
        assert outcome.injected > 1
        assert outcome.findings == []


@pytest.mark.parametrize(
    "name", [*BUGS_OF_EACH_KIND, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE_BUGS)]
)
def test_a_planted_bug_is_found(prepared_days: Prepared, name: str) -> None:
    (environment,) = prepared_days.environments
    bug = next(bug for bug in BUGS if bug.name == name)
    assert find_bug(environment, prepared_days.moments, bug).oracles != ()


@pytest.mark.slow
def test_every_bug_can_be_planted_in_the_code(prepared_days: Prepared) -> None:
    (environment,) = prepared_days.environments
    step = prepared_days.moments[0].step
    for bug in BUGS:
        ended = attempt(environment, step, {}, prepare=bug.plant, work=lambda *_: "planted")
        assert (bug.name, ended.result) == (bug.name, "planted")
