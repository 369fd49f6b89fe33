"""The planted bugs, which the suite must find. Each is planted at run time, in the child process.

A bug is a plausible mistake in the code. `BUGS` lists what each breaks and which schedule searches for it;
without the bug, the same schedule finds nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from tests.faults import plants
from tests.faults import plants_of_operations as more
from tests.faults.attempt import Prepare, attempt
from tests.faults.cell import Moment, run_cell
from tests.faults.environment import Environment
from tests.faults.interpose import Way
from tests.faults.notices import alerted
from tests.faults.oracle import Finding
from tests.faults.recoveries import (
    erased_stays_out,
    killed_warehouse,
    lost_commits,
    outage_to_the_last_try,
)
from tests.faults.rules import album_in_two_parts, closed_bucket, mostly_bad, past_day, repaired_record
from tests.faults.schedules import (
    Schedule,
    concurrent_loads,
    days_in_reverse,
    orphan_and_retry,
    replay_and_ingest,
    run_twice,
)
from tests.faults.shortages import meet_shortages
from tests.faults.switch import switched
from tests.faults.upgrades import upgraded

Search = Callable[[Environment, Sequence[Moment], Prepare | None], Sequence[Finding]]


@dataclass(frozen=True)
class Bug:
    """A mistake, described by `what`, in the module `where`; `plant` makes it and `search` must find it."""

    name: str
    what: str
    where: str
    plant: Prepare
    search: Search


@dataclass(frozen=True)
class Verdict:
    """The oracles that found a bug and the first finding; without oracles the suite has missed the bug."""

    bug: Bug
    oracles: tuple[str, ...]
    first: str
    seconds: float

    @property
    def is_found(self) -> bool:
        """Whether any oracle found the bug."""
        return bool(self.oracles)


def find_bug(
    environment: Environment, moments: Sequence[Moment], bug: Bug, *, planted: bool = True
) -> Verdict:
    """Plant a bug and search for it; without `planted` the same search must find nothing."""
    began = time.monotonic()
    findings = bug.search(environment, moments, bug.plant if planted else None)
    oracles = tuple(dict.fromkeys(finding.oracle for finding in findings))
    return Verdict(bug, oracles, str(findings[0]) if findings else "", time.monotonic() - began)


def moment_of(moments: Sequence[Moment], step: str, day: int = 0) -> Moment:
    """Return the step of that name on the first or the second day (0 or 1)."""
    return [moment for moment in moments if str(moment.step) == step][day]


def failing_calls(step: str, way: Way, pattern: str, *, most: int = 3, day: int = 0) -> Search:
    """Search by failing the last `most` calls of a step whose label matches, until something is found."""

    def search(
        environment: Environment, moments: Sequence[Moment], prepare: Prepare | None
    ) -> Sequence[Finding]:
        moment = moment_of(moments, step, day)
        environment.freeze_clock(moment.step.day)
        environment.restore(moment.before, rows=moment.step.writes_rows)
        # its calls in this environment: empty folders that earlier attempts left in the store cause some more
        carried = moment.before.carried
        calls = attempt(environment, moment.step, carried, prepare=prepare).labels
        for n in [n for n, label in enumerate(calls, 1) if re.search(pattern, label)][-most:]:
            cell = run_cell(environment, moment, way, n, prepare=prepare)
            if cell.findings:
                return cell.findings
        return []

    return search


def without_fault(step: str, day: int = 0) -> Search:
    """Search by running a step without a fault: its result is wrong."""

    def search(
        environment: Environment, moments: Sequence[Moment], prepare: Prepare | None
    ) -> Sequence[Finding]:
        moment = moment_of(moments, step, day)
        environment.freeze_clock(moment.step.day)
        environment.restore(moment.before)
        return run_cell(environment, moment, Way.REFUSED, 0, prepare=prepare).findings

    return search


def orphan_of(step: str) -> Search:
    """Search with an orphan of this step that continues while its retry runs."""

    def search(
        environment: Environment, moments: Sequence[Moment], prepare: Prepare | None
    ) -> Sequence[Finding]:
        return orphan_and_retry(environment, [moment_of(moments, step)], prepare, every=6).findings

    return search


def by_schedule(schedule: Schedule) -> Search:
    """Search with a schedule."""

    def search(
        environment: Environment, moments: Sequence[Moment], prepare: Prepare | None
    ) -> Sequence[Finding]:
        days = [moment for moment in moments if not moment.step.is_operation]
        return schedule(environment, days, prepare).findings

    return search


def with_operations(schedule: Schedule) -> Search:
    """Search with a schedule that needs the operations too."""

    def search(
        environment: Environment, moments: Sequence[Moment], prepare: Prepare | None
    ) -> Sequence[Finding]:
        return schedule(environment, moments, prepare).findings

    return search


def with_shortage(name: str) -> Search:
    """Search with the shortages whose name contains this text."""
    return with_operations(partial(meet_shortages, only=name))


LOAD, FETCH, LISTS = "load band", "fetch band", "fetch lists"
COMMIT = "warehouse COMMIT"
BUGS = (
    Bug("fence dropped", "an orphan's load commits after its retry started", "warehouse/load.py",
        plants.fence_dropped, orphan_of(LOAD)),
    Bug("fence shared", "a retry gets the same fence as the orphan", "warehouse/lease.py",
        plants.fence_shared, orphan_of(LOAD)),
    Bug("manifest first", "the manifest says complete before the responses are stored", "stages/fetch.py",
        plants.manifest_first, failing_calls(FETCH, Way.KILLED, "store PUT raw/album")),
    Bug("partial says complete", "a crawl that an outage interrupted counts as finished", "stages/fetch.py",
        plants.partial_says_complete, failing_calls(FETCH, Way.REFUSED, "api GET")),
    Bug("key without query", "all pages of a list have one key", "lake/keys.py",
        plants.key_without_query, without_fault(FETCH)),
    Bug("asks again", "a retry fetches stored responses again", "stages/fetch.py",
        plants.asks_again, failing_calls(FETCH, Way.KILLED, "store PUT raw/album", most=1)),
    Bug("token not stored", "a new refresh token is used and not stored", "spotify/user_tokens.py",
        plants.token_not_stored, without_fault(LISTS)),
    Bug("loss not noted", "a login that is lost counts as one that ended", "spotify/user_tokens.py",
        plants.loss_not_noted, failing_calls(LISTS, Way.KILLED, "api POST", most=1)),
    Bug("bytes not kept", "responses are serialised again instead of stored byte for byte", "stages/fetch.py",
        plants.bytes_not_kept, without_fault(FETCH)),
    Bug("local clock", "observed_at comes from this machine's clock", "spotify/transport.py",
        plants.local_clock, without_fault(FETCH)),
    Bug("summary first", "counts are written before their rows", "stages/validate.py",
        plants.summary_first, failing_calls("validate band", Way.KILLED, "store PUT", most=4)),
    Bug("bad record dropped", "a rejected record is not counted", "stages/validate.py",
        plants.bad_record_dropped, without_fault("validate band")),
    Bug("quarantine swallowed", "rejected records do not reach ops.quarantined_record",
        "warehouse/quarantine.py", plants.quarantine_swallowed, without_fault(LOAD)),
    Bug("no transaction", "rows are committed before the log of the load", "warehouse/merge.py",
        plants.no_transaction, failing_calls(LOAD, Way.KILLED, "ops.load")),
    Bug("commit believed", "a failed COMMIT counts as success", "warehouse/connection.py",
        plants.commit_believed, failing_calls(LOAD, Way.REFUSED, COMMIT, most=2)),
    Bug("crawl state first", "albums count as complete before they are loaded", "stages/load.py",
        plants.crawl_state_first, failing_calls(LOAD, Way.REFUSED, COMMIT, most=2)),
    Bug("number without lock", "the order of load numbers differs from the order of commits",
        "warehouse/merge.py", plants.number_without_lock, by_schedule(partial(concurrent_loads, every=4))),
    Bug("watermark too high", "a reader's watermark includes loads that have not committed",
        "warehouse/load_log.py", plants.watermark_too_high, by_schedule(partial(concurrent_loads, every=4))),
    Bug("last one wins", "in the upsert, the last to arrive wins", "warehouse/merge_sql.py",
        plants.last_one_wins, by_schedule(days_in_reverse)),
    Bug("simplified wins", "a record without detail erases the detail", "warehouse/merge_sql.py",
        plants.simplified_wins, by_schedule(days_in_reverse)),
    Bug("seen backwards", "loading an older day sets last_seen_on back", "warehouse/merge_sql.py",
        plants.seen_backwards, by_schedule(days_in_reverse)),
    Bug("rows rewritten", "equal rows are written again", "warehouse/merge_sql.py",
        plants.rows_rewritten, by_schedule(run_twice)),
    Bug("queue drawn again", "each run takes other ids from the detail queue", "stages/details.py",
        plants.queue_drawn_again, by_schedule(run_twice)),
    Bug("duplicates forgotten", "repeats within a source are not counted", "warehouse/merge.py",
        plants.duplicates_forgotten, without_fault(LOAD)),
    Bug("kind forgotten", "the reconciliation omits tracks", "stages/reconcile.py",
        plants.kind_forgotten, without_fault("reconcile")),
    Bug("cursor ahead", "the listening cursor advances before the plays are loaded", "stages/listening.py",
        plants.cursor_ahead, without_fault("listen _listening")),
    Bug("absent means left", "a playlist with missing pages counts as complete", "lake/list_reads.py",
        plants.absent_means_left, closed_bucket),
    Bug("rights not moved", "readers may enter the retired tables, not the published ones",
        "warehouse/bootstrap.sql", plants.rights_not_moved, by_schedule(switched)),
    Bug("publication apart", "the row of a publication is committed after its tables",
        "warehouse/publication.py", plants.publication_apart, by_schedule(switched)),
    Bug("catch-up skipped", "the retired tables are not built again", "orchestration/dbt/publication.py",
        plants.catch_up_skipped, by_schedule(switched)),
    Bug("build unchecked", "a publication includes tables that were not built again",
        "warehouse/publication.py", plants.build_unchecked, by_schedule(switched)),
    Bug("share unchecked", "a source with mostly invalid records is loaded", "stages/load_inputs.py",
        plants.share_unchecked, mostly_bad),
    Bug("past faked", "a past date gets today's responses", "spotify/client.py",
        plants.past_faked, past_day),
    Bug("resolved at once", "every quarantined record counts as resolved", "warehouse/load.py",
        more.resolved_at_once, without_fault(LOAD)),
    Bug("never resolved", "a record that passes in a replay stays quarantined", "warehouse/load.py",
        more.never_resolved, repaired_record),
    Bug("begun albums forgotten", "the offset in an album whose pages are missing is not recorded",
        "stages/load.py", more.begun_albums_forgotten, album_in_two_parts),
    Bug("erased let in", "objects of an erased user are loaded", "stages/load.py",
        more.erased_let_in, with_operations(erased_stays_out)),
    Bug("outage drops a source", "an outage in the last try loses what was read", "stages/fetch.py",
        more.outage_drops_source, by_schedule(outage_to_the_last_try)),
    Bug("replay over ingest", "a replay writes although an ingest has begun", "warehouse/lease.py",
        more.replay_over_ingest, with_operations(partial(replay_and_ingest, every=6))),
    Bug("replay trusts the lake", "a source with validated objects counts as loaded", "stages/replay.py",
        more.replay_trusts_the_lake, by_schedule(lost_commits)),
    Bug("counts not written", "ops.reconciliation gets no rows", "stages/reconcile.py",
        more.counts_not_written, without_fault("reconcile")),
    Bug("objects before manifest", "retention removes a manifest after its objects",
        "maintenance/objects.py", more.objects_before_manifest,
        failing_calls("retain", Way.KILLED, "store POST", most=9)),
    Bug("a day too many", "retention removes the last day that is kept", "maintenance/inventory.py",
        more.a_day_too_many, without_fault("retain")),
    Bug("zone forgotten", "an erasure leaves one zone of the lake", "maintenance/erase.py",
        more.zone_forgotten, without_fault("erase")),
    Bug("rows not erased", "an erasure rolls its rows back", "maintenance/erase.py",
        more.rows_not_erased, without_fault("erase")),
    Bug("no receipt in the lake", "the receipt is written to the warehouse only", "maintenance/erase.py",
        more.no_receipt_in_the_lake, without_fault("erase")),
    Bug("receipts not applied", "a restored warehouse keeps erased users", "maintenance/erase.py",
        more.receipts_not_applied, with_operations(erased_stays_out)),
    Bug("erased objects stay", "maintenance leaves objects that came after an erasure",
        "maintenance/retention.py", more.erased_objects_stay, with_operations(erased_stays_out)),
    Bug("docs with times", "the documentation has the time of its run", "stages/dbt_docs.py",
        more.docs_with_times, without_fault("docs")),
    Bug("alert each time", "an alert is sent for every failed task", "alerts/dispatch.py",
        more.alert_each_time, by_schedule(alerted)),
    Bug("alert noted first", "an alert is recorded before it is sent", "alerts/dispatch.py",
        more.alert_noted_first, by_schedule(alerted)),
    Bug("half a migration", "a migration commits between two revisions", "warehouse/migrate.py",
        more.half_a_migration, by_schedule(partial(upgraded, every=5))),
    Bug("full server is final", "an exhausted number of connections is no transient error",
        "warehouse/connection.py", more.full_server_is_final, with_shortage("no connection")),
    Bug("deadlock is final", "a deadlock is no transient error", "warehouse/connection.py",
        more.deadlock_is_final, with_shortage("deadlock")),
    Bug("full disk is final", "a full disk of a worker is no transient error", "lake/validated.py",
        more.full_disk_is_final, with_shortage("disk is full")),
    Bug("rollout is final", "a schema of a newer release is no transient error", "warehouse/revisions.py",
        more.rollout_is_final, with_shortage("newer schema")),
    Bug("commit not awaited", "a COMMIT returns before Postgres has written it", "warehouse/connection.py",
        more.commit_not_awaited, by_schedule(killed_warehouse)),
)  # fmt: skip
