"""Schedules of losses that one retry cannot repair: what operators do then must give the same result.

The warehouse loses commits that it acknowledged (a failover to a standby that lags, a restore), all processes
of Postgres are killed, an outage lasts to the last try, and data of an erased user comes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from spotify_pipeline.maintenance.erase import apply_receipts
from spotify_pipeline.maintenance.logins import forget_logins
from spotify_pipeline.stages.runtime import Runtime
from spotify_stack.ports import PortReservation
from spotify_stack.postgres import PostgresServer
from tests.accounts import user_hash
from tests.faults import operations
from tests.faults.attempt import Attempt, Prepare, attempt
from tests.faults.cell import Moment, of_outage
from tests.faults.driver import Step, perform, steps_of
from tests.faults.environment import USER, Environment
from tests.faults.oracle import Finding, State, differences
from tests.faults.random_servers import RestartableServer, postgres_running
from tests.faults.schedules import Outcome, same_results
from tests.faults.servers import Servers

FIRST_PORT = 16_900
BAND = tuple(f"{task} band" for task in ("fetch", "validate", "load"))


def lost_commits(
    environment: Environment, moments: Sequence[Moment], prepare: Prepare | None = None
) -> Outcome:
    """The warehouse loses a load of the last day, and all that came after it; the lake has everything.

    A replay of that day, as docs/backup.md says, gives the same tables.
    """
    last = moments[-1]
    outcome = Outcome()
    for moment in moments:
        if moment.step.day != last.step.day or moment.step.task != "load":
            continue
        environment.freeze_clock(last.step.day)
        environment.restore(moment.before)
        environment.restore_objects(last.after.objects)
        done = attempt(environment, last.step, {}, prepare=prepare, work=_replay_all)
        outcome.injected += 1
        outcome.seconds.append(done.seconds)
        outcome.findings += _expect_success(done, f"replay after the loss of {moment.step}")
        outcome.findings += same_results(environment, last)
    return outcome


def _replay_all(runtime: Runtime, step: Step, _: Mapping[str, Any]) -> None:
    operations.replay_day(runtime, step.day)


def killed_warehouse(
    environment: Environment, moments: Sequence[Moment], prepare: Prepare | None = None
) -> Outcome:
    """All processes of Postgres are killed right after a load: what it acknowledged must survive.

    What Postgres has not given to the operating system is lost then, as in a loss of power.
    """
    outcome = Outcome(injected=1)
    with PortReservation() as ports:
        server = PostgresServer(
            environment.folder.with_name("killed-postgres"),
            ports.choose(FIRST_PORT),
            password="superuser-of-tests",
        )
        server.initialise()
        log = Path(f"{server.data}.log")
        process = RestartableServer(lambda: postgres_running(server, log, ["-c", "wal_writer_delay=10s"]))
        process.start()
        try:
            alone = Environment(
                "killed",
                Servers(server, environment.servers.store),
                environment.sandbox,
                environment.folder.with_name("killed"),
            )
            outcome.findings += _kill_after_a_load(alone, process, moments, prepare)
        finally:
            process.stop()
    environment.clear_faults()
    return outcome


def _kill_after_a_load(
    environment: Environment, server: RestartableServer, moments: Sequence[Moment], prepare: Prepare | None
) -> Iterator[Finding]:
    day = moments[0].step.day
    environment.freeze_clock(day)
    environment.create()
    carried: dict[str, Any] = {}
    for step in steps_of(day, ("band",))[:4]:
        done = attempt(environment, step, carried, prepare=prepare)
        carried[step.key] = done.result
        yield from _expect_success(done, str(step))
    acknowledged = environment.state()
    server.kill()
    environment.reconnect()
    yield from differences(acknowledged, environment.state())


def outage_to_the_last_try(
    environment: Environment, moments: Sequence[Moment], prepare: Prepare | None = None
) -> Outcome:
    """Spotify fails in every try of a fetch: what was read is loaded, and the source is not forgotten.

    When the outage has ended, another run of the day completes it.
    """
    outcome = Outcome(injected=1)
    steps = [next(m for m in moments if str(m.step) == name) for name in BAND]
    first, last = steps[0], steps[-1]
    environment.freeze_clock(first.step.day)
    environment.restore(first.before)
    control = environment.sandbox.control
    # the first album is read, the others are not
    control.add_fault("status", status=503, path="^/v1/albums/", after=1, times=None)
    for number in (1, 2):
        tried = attempt(environment, first.step, first.before.carried, number=number, prepare=prepare)
        outcome.findings += of_outage(tried)
        if tried.is_done:
            outcome.findings.append(Finding("result", str(first.step), "ended well during the outage"))
    carried = dict(first.before.carried)
    for moment in steps:
        done = attempt(environment, moment.step, carried, number=3, prepare=prepare, work=_last_try)
        outcome.findings += _expect_success(done, f"{moment.step}, last try")
        carried[moment.step.key] = done.result
    state = carried[last.step.key] or {}
    if state.get("status") != "partial" or not state.get("message") or not state.get("counts"):
        outcome.findings.append(Finding("result", "band", f"after the last try it is {state}", lost=1))
    environment.clear_faults()
    for moment in steps:
        done = attempt(environment, moment.step, carried, number=4, prepare=prepare)
        outcome.findings += _expect_success(done, f"{moment.step}, after the outage")
        carried[moment.step.key] = done.result
    outcome.findings += differences(_staging(last.after.state), _staging(environment.state()))
    return outcome


def _last_try(runtime: Runtime, step: Step, carried: Mapping[str, Any]) -> Any:
    return perform(runtime, step, carried, tries_left=False)


def _staging(state: State) -> State:
    kept = ("staging.", "ops.crawl_state", "ops.quarantined_record")
    return State({table: rows for table, rows in state.tables.items() if table.startswith(kept)})


def erased_stays_out(
    environment: Environment, moments: Sequence[Moment], prepare: Prepare | None = None
) -> Outcome:
    """Data of an erased user comes back, from a store or a warehouse that was restored: none of it stays.

    `moments` include the operations.
    """
    erased = next(m for m in moments if m.step.task == "erase")
    last = [m for m in moments if not m.step.is_operation][-1]
    outcome = Outcome(injected=2)
    environment.freeze_clock(last.step.day)
    # the objects are back: neither a load nor a fetch may use them, and maintenance removes them
    environment.restore(erased.after)
    environment.restore_objects(erased.before.objects | erased.after.objects)
    for name in ("load lists", "fetch lists"):
        moment = next(m for m in moments if m.step.day == last.step.day and str(m.step) == name)
        tried = attempt(environment, moment.step, moment.before.carried, prepare=prepare)
        if not tried.error.startswith("UserErased"):
            text = f"ended {tried.ended} {tried.error}"
            outcome.findings.append(Finding("refusal", name, text, wrong=1))
    outcome.findings += _traces(environment, tables_only=True)
    done = attempt(environment, Step(last.step.day, "retain"), {}, prepare=prepare)
    outcome.findings += _expect_success(done, "maintenance")
    outcome.findings += _traces(environment)
    # the rows are back: the receipts in the lake are applied again
    environment.restore(erased.before)
    environment.restore_objects(erased.after.objects)
    done = attempt(environment, erased.step, {}, prepare=prepare, work=_apply_receipts)
    outcome.findings += _expect_success(done, "apply receipts")
    outcome.findings += _traces(environment)
    return outcome


def _apply_receipts(runtime: Runtime, step: Step, _: Mapping[str, Any]) -> None:
    apply_receipts(runtime, partial(forget_logins, runtime.settings, None))


def _traces(environment: Environment, *, tables_only: bool = False) -> Iterator[Finding]:
    """Yield the rows and objects that hold the user's hash, except receipts."""
    name, state = user_hash(USER), environment.state()
    for table, rows in state.tables.items():
        found = sum(count for row, count in rows.items() if name in row)
        if found and table != "ops.erasure":
            yield Finding("erasure", table, f"{found} rows of an erased user", wrong=found)
    for key in () if tables_only else state.objects:
        if not key.startswith("erasures/") and (
            name in key or name.encode() in environment.lake.get(key).data
        ):
            yield Finding("erasure", key, "holds an erased user", wrong=1)


def _expect_success(done: Attempt, what: str) -> Iterator[Finding]:
    if not done.is_done:
        yield Finding("recovery", what, f"{done.ended}: {done.error}")
