"""Schedules in other orders: everything twice, days in reverse, attempts that overlap."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spotify_pipeline.stages import publish
from spotify_pipeline.stages.runtime import Runtime
from tests.faults.attempt import Prepare, Running, attempt, start
from tests.faults.cell import Moment
from tests.faults.driver import LISTENING, Step, perform
from tests.faults.environment import Environment
from tests.faults.interpose import Way
from tests.faults.oracle import Finding, State, at_rest, differences, listed

# tables whose content must not depend on the order of the days
RESULTS = ("staging.", "ops.crawl_state", "ops.play_cursor", "ops.quarantined_record")
# entries that are done depend on the order; those that are left are a result
_QUEUED = "SELECT record_kind, record_id, reason, enqueued_on FROM {} WHERE done_on IS NULL ORDER BY 1, 2"


OVERLAP_SECONDS = 0.6
"""Seconds that one of two overlapping attempts gets before the other continues."""


@dataclass
class Outcome:
    """The findings of a schedule, and how long it took."""

    findings: list[Finding] = field(default_factory=list)
    injected: int = 0
    seconds: list[float] = field(default_factory=list)


Schedule = Callable[[Environment, Sequence[Moment], Prepare | None], Outcome]


def _all_steps(steps: Sequence[Step]) -> Callable[[Runtime, Step, Mapping[str, Any]], Any]:
    def work(runtime: Runtime, _: Step, carried: Mapping[str, Any]) -> dict[str, Any]:
        results = dict(carried)
        for step in steps:
            results[step.key] = perform(runtime, step, results)
        return results

    return work


def _run(
    environment: Environment, steps: Sequence[Step], carried: Mapping[str, Any], prepare: Prepare | None
) -> Outcome:
    done = attempt(environment, steps[0], carried, prepare=prepare, work=_all_steps(steps))
    found = [] if done.is_done else [Finding("errors", str(steps[0].day), f"{done.ended}: {done.error}")]
    return Outcome(found, 1, [done.seconds])


def run_twice(environment: Environment, moments: Sequence[Moment], prepare: Prepare | None = None) -> Outcome:
    """Promise 1: a finished partition runs again without a new row version, object or API call."""
    last = moments[-1]
    environment.freeze_clock(last.step.day)
    environment.restore(last.after)
    before = versions(environment), listed(environment.lake, "")
    environment.sandbox.control.reset_calls()
    steps = [m.step for m in moments if m.step.day == last.step.day]
    outcome = _run(environment, steps, {}, prepare)
    outcome.findings += differences(last.after.state, environment.state())
    changed = {table for table, rows in versions(environment).items() if rows != before[0].get(table)}
    outcome.findings += [
        Finding("row versions", table, "rows were written again") for table in sorted(changed)
    ]
    if listed(environment.lake, "") != before[1]:
        outcome.findings.append(Finding("objects", "all", "a second run wrote other bytes"))
    calls = environment.sandbox.control.calls(recent=1).api_total
    if calls:
        outcome.findings.append(Finding("calls", str(last.step.day), f"a second run made {calls} calls"))
    return outcome


def versions(environment: Environment) -> dict[str, list[tuple[Any, ...]]]:
    """Return the place and the transaction of each row; an update changes them."""
    with environment.superuser() as conn:
        tables = [table for table in environment.tables(conn) if table.startswith(RESULTS)]
        return {
            table: conn.execute(f"SELECT ctid::text, xmin::text FROM {table} ORDER BY 1".encode()).fetchall()
            for table in tables
        }


def days_in_reverse(
    environment: Environment, moments: Sequence[Moment], prepare: Prepare | None = None
) -> Outcome:
    """Promise 2: replay from raw alone, the last day first and twice, the sources in reverse order."""
    last = moments[-1]
    first, *_, second = sorted({m.step.day for m in moments})
    environment.freeze_clock(second)
    environment.restore(moments[0].before)
    raw = {key: stored for key, stored in last.after.objects.items() if key.startswith("raw/")}
    environment.restore_objects(raw)
    carried = {m.step.key: m.after.carried[m.step.key] for m in moments if m.step.source == LISTENING}
    outcome = Outcome()
    for day, direction in ((second, -1), (second, 1), (first, -1)):
        sources = list(dict.fromkeys(m.step.source for m in moments if m.step.day == day and m.step.source))
        steps = [Step(day, "plan")]
        for source in sources[::direction]:
            # a past day has its raw; the listening history is replayed without a call as well
            again = ("validate", "load") if source == LISTENING else ("fetch", "validate", "load")
            steps += [Step(day, task, source) for task in again]
        part = _run(environment, [*steps, Step(day, "reconcile")], carried, prepare)
        outcome.findings += part.findings
        outcome.injected += 1
        outcome.seconds += part.seconds
    outcome.findings += same_results(environment, last)
    return outcome


def same_results(environment: Environment, moment: Moment) -> list[Finding]:
    """Compare the tables whose content does not depend on the order of the days with those after a step."""
    expected, actual = (_results(state) for state in (moment.after.state, environment.state()))
    found = differences(expected, actual)
    with environment.superuser() as conn:
        tables = (f"{moment.after.schema}.ops_detail_queue", "ops.detail_queue")
        queued, left = (conn.execute(_QUEUED.format(table).encode()).fetchall() for table in tables)
    if queued != left:
        text = f"{len(set(queued) - set(left))} ids lost, {len(set(left) - set(queued))} wrong"
        found.append(Finding("rows", "ops.detail_queue", text))
    return found


def _results(state: State) -> State:
    return State({table: rows for table, rows in state.tables.items() if table.startswith(RESULTS)})


def orphan_and_retry(
    environment: Environment,
    moments: Sequence[Moment],
    prepare: Prepare | None = None,
    *,
    every: int = 1,
) -> Outcome:
    """Promise 3: an orphan stops at its n-th call, its retry starts, and then the orphan continues.

    The retry runs to its end, or for `OVERLAP_SECONDS` if it waits for a lock of the orphan.
    """
    outcome = Outcome()
    for moment in moments:
        environment.freeze_clock(moment.step.day)
        environment.restore(moment.before)
        for n in range(1, moment.calls + 1, every):
            environment.restore(moment.before, rows=moment.step.writes_rows)
            for found in _overtake(environment, moment, n, prepare, outcome):
                where = f"{moment.step.day} {moment.step}, call {n} {Way.STOPPED}: {found.subject}"
                outcome.findings.append(replace(found, subject=where))
    return outcome


def _overtake(
    environment: Environment, moment: Moment, n: int, prepare: Prepare | None, outcome: Outcome
) -> list[Finding]:
    carried = moment.before.carried
    orphan = start(environment, moment.step, carried, faults={n: Way.STOPPED}, prepare=prepare)
    if not orphan.is_stopped():
        orphan.finish()
        return []
    outcome.injected += 1
    retry = start(environment, moment.step, carried, number=2, prepare=prepare)
    overtook = _ends_within(retry, OVERLAP_SECONDS)
    retry_state = environment.state()
    orphan.wake()
    woken, done = orphan.finish(), retry.finish()
    if done.ended == "transient":  # the orphan took the lease from the retry
        done = attempt(environment, moment.step, carried, number=3, prepare=prepare)
    outcome.seconds.append(done.seconds)
    findings = []
    if not done.is_done:
        findings.append(Finding("recovery", "the retry", f"{done.ended}: {done.error}"))
    if overtook and environment.state() != retry_state:
        findings.append(Finding("fence", "the orphan", "changed the result of its retry"))
    if woken.ended == "fatal":
        findings.append(Finding("errors", "the orphan", woken.error))
    if overtook and woken.is_done and _holds_lease(moment, n):
        findings.append(Finding("fence", "the orphan", "committed after its retry had taken the lease"))
    return (
        findings
        + at_rest(environment.owner, environment.lake)
        + differences(moment.after.state, environment.state())
    )


def replay_and_ingest(
    environment: Environment, moments: Sequence[Moment], prepare: Prepare | None = None, *, every: int = 1
) -> Outcome:
    """A replay stops at its n-th call, an ingest loads the same source, then the replay continues.

    Whatever the replay has read before the ingest began, it must not write.
    """
    replayed = next(m for m in moments if m.step.task == "replay")
    ingested = next(m for m in moments if m.step.day == replayed.step.day and str(m.step) == "load lists")
    begun = replayed.numbers("SELECT ops.step_lease")[0]
    drawn = replayed.numbers("ops.load_seq")[-1]
    committed = next(n for n in replayed.numbers("COMMIT") if n > drawn)
    outcome = Outcome()
    for n in range(begun + 1, committed + 1, every):
        environment.freeze_clock(replayed.step.day)
        environment.restore(replayed.before)
        replay = start(environment, replayed.step, {}, faults={n: Way.STOPPED}, prepare=prepare)
        if not replay.is_stopped():
            replay.finish()
            continue
        ingest = start(environment, ingested.step, ingested.before.carried, prepare=prepare)
        overtook = _ends_within(ingest, OVERLAP_SECONDS)
        replay.wake()
        woken, done = replay.finish(), ingest.finish()
        outcome.injected += 1
        outcome.seconds.append(done.seconds)
        where = f"replay, call {n} ({replayed.labels[n - 1]})"
        if not done.is_done:
            outcome.findings.append(Finding("recovery", where, f"the ingest {done.ended}: {done.error}"))
        if woken.ended not in {"done", "transient"}:
            outcome.findings.append(Finding("errors", where, f"the replay {woken.ended}: {woken.error}"))
        elif overtook and woken.is_done:
            outcome.findings.append(Finding("fence", where, "the replay wrote after the ingest had begun"))
        outcome.findings += differences(_results(replayed.after.state), _results(environment.state()))
    return outcome


def _holds_lease(moment: Moment, n: int) -> bool:
    """Return whether call `n` comes after the lease is taken and not after the load's COMMIT."""
    leased = moment.numbers("step_lease")
    if not leased:
        return False
    committed = next(number for number in moment.numbers("COMMIT") if number > leased[-1])
    return leased[0] + 1 < n <= committed


def _ends_within(running: Running, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not running.has_ended() and time.monotonic() < deadline:
        time.sleep(0.005)
    return running.has_ended()


def concurrent_loads(
    environment: Environment, moments: Sequence[Moment], prepare: Prepare | None = None, *, every: int = 1
) -> Outcome:
    """Two loads run at once, the first stopped at each of its calls; a reader follows the newest load number.

    A reader that has seen a number must have seen all rows of loads with a lower or equal number.
    """
    outcome = Outcome()
    loads = [m for m in moments if m.step.task == "load" and m.step.day == moments[-1].step.day]
    first, second = loads[0], loads[1]
    for n in range(first.numbers("load_seq")[0] + 1, first.calls + 1, every):
        environment.restore(first.before)
        carried = second.before.carried
        slow = start(environment, first.step, carried, faults={n: Way.STOPPED}, prepare=prepare)
        stopped = slow.is_stopped()
        # its input exists already: only the order of the loads differs
        environment.restore_objects(second.before.objects)
        fast = start(environment, second.step, carried, prepare=prepare)
        _ends_within(fast, OVERLAP_SECONDS)
        mark = attempt(environment, first.step, carried, prepare=prepare, work=_watermark).result or 0
        seen = _written_up_to(environment, mark)
        if stopped:
            slow.wake()
        ended = slow.finish(), fast.finish()
        outcome.injected += 1
        outcome.seconds.append(ended[1].seconds)
        outcome.findings += [
            Finding("errors", "a load", f"{each.ended}: {each.error}") for each in ended if not each.is_done
        ]
        late = _written_up_to(environment, mark) - seen
        if late:
            text = f"{len(late)} rows of loads up to {mark} came after a reader had seen {mark}"
            outcome.findings.append(Finding("increments", f"call {n}", text, lost=len(late)))
    return outcome


def _watermark(runtime: Runtime, _: Step, __: Mapping[str, Any]) -> int:
    return publish.watermark(runtime)


def _written_up_to(environment: Environment, load_seq: int) -> set[str]:
    with environment.superuser() as conn:
        rows = conn.execute(
            "SELECT 'track ' || track_id FROM staging.tracks WHERE load_seq <= %(mark)s"
            " UNION ALL SELECT 'album ' || album_id FROM staging.albums WHERE load_seq <= %(mark)s"
            " UNION ALL SELECT 'artist ' || artist_id FROM staging.artists WHERE load_seq <= %(mark)s",
            {"mark": load_seq},
        )
        return {row[0] for row in rows}
