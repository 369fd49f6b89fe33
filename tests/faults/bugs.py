"""Planted bugs: what the suite must find, or it proves nothing. Each is planted at run time, in the child.

A bug is the code as somebody might have written it. `BUGS` says what it breaks, and by which schedule it is
looked for; the same schedule finds nothing without it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.faults import plants
from tests.faults.attempt import Prepare
from tests.faults.cell import Moment, run_cell
from tests.faults.environment import Environment
from tests.faults.interpose import Way
from tests.faults.oracle import Finding
from tests.faults.rules import closed_bucket, mostly_bad, past_day
from tests.faults.schedules import backwards, overtaken, side_by_side, twice
from tests.faults.switch import switched

Search = Callable[[Environment, Sequence[Moment], Prepare | None], Sequence[Finding]]


@dataclass(frozen=True)
class Bug:
    """`what` is broken in `where`; `plant` breaks it; `search` looks for it."""

    name: str
    what: str
    where: str
    plant: Prepare
    search: Search


@dataclass(frozen=True)
class Verdict:
    """Which oracles found a bug, with the first finding in words; none: the suite is blind to it."""

    bug: Bug
    oracles: tuple[str, ...]
    first: str
    seconds: float

    @property
    def is_found(self) -> bool:
        """Whether any oracle said something."""
        return bool(self.oracles)


def hunt(environment: Environment, moments: Sequence[Moment], bug: Bug, *, planted: bool = True) -> Verdict:
    """Search for a bug that is planted, or make sure that nothing is found where it is not."""
    began = time.monotonic()
    findings = bug.search(environment, moments, bug.plant if planted else None)
    oracles = tuple(dict.fromkeys(finding.oracle for finding in findings))
    return Verdict(bug, oracles, str(findings[0]) if findings else "", time.monotonic() - began)


def moment_of(moments: Sequence[Moment], step: str, day: int = 0) -> Moment:
    """The step of that name on the first day, or the second."""
    return [moment for moment in moments if str(moment.step) == step][day]


def calls(step: str, way: Way, pattern: str, *, most: int = 3, day: int = 0) -> Search:
    """The first calls of a step whose label matches go wrong, one at a time, until something is found."""

    def search(
        environment: Environment, moments: Sequence[Moment], prepare: Prepare | None
    ) -> Sequence[Finding]:
        moment = moment_of(moments, step, day)
        environment.go_to(moment.step.day)
        environment.put_back(moment.before)
        for n in moment.numbers(pattern)[-most:]:
            # a folder that an earlier attempt left empty in the store costs one more call before
            for later in (n, n + 1):
                cell = run_cell(environment, moment, way, later, prepare=prepare)
                if cell.findings:
                    return cell.findings
                if cell.struck is None or re.search(pattern, cell.struck):
                    break
        return []

    return search


def plain(step: str, day: int = 0) -> Search:
    """No fault at all: what it gives is wrong as it is."""

    def search(
        environment: Environment, moments: Sequence[Moment], prepare: Prepare | None
    ) -> Sequence[Finding]:
        moment = moment_of(moments, step, day)
        environment.go_to(moment.step.day)
        environment.put_back(moment.before)
        return run_cell(environment, moment, Way.REFUSED, 0, prepare=prepare).findings

    return search


def orphan_of(step: str) -> Search:
    """An orphan of this step that wakes up beside its retry."""

    def search(
        environment: Environment, moments: Sequence[Moment], prepare: Prepare | None
    ) -> Sequence[Finding]:
        return overtaken(environment, [moment_of(moments, step)], prepare, every=6).findings

    return search


def of(schedule: Callable[..., object]) -> Search:
    """A schedule of its own."""

    def search(
        environment: Environment, moments: Sequence[Moment], prepare: Prepare | None
    ) -> Sequence[Finding]:
        findings: Sequence[Finding] = schedule(environment, moments, prepare).findings  # type: ignore[attr-defined]
        return findings

    return search


LOAD, FETCH, LISTS = "load band", "fetch band", "fetch lists"
COMMIT = "warehouse COMMIT"
BUGS = (
    Bug("fence dropped", "an orphan's load commits beside its retry", "warehouse/load.py",
        plants.fence_dropped, orphan_of(LOAD)),
    Bug("fence shared", "a retry gets the orphan's own fence", "warehouse/lease.py",
        plants.fence_shared, orphan_of(LOAD)),
    Bug("manifest first", "the manifest says complete before the responses are there", "stages/fetch.py",
        plants.manifest_first, calls(FETCH, Way.KILLED, "store PUT raw/album")),
    Bug("partial says complete", "a crawl that an outage cut short is finished for good", "stages/fetch.py",
        plants.partial_says_complete, calls(FETCH, Way.REFUSED, "api GET")),
    Bug("key without query", "pages of one list have one key", "lake/keys.py",
        plants.key_without_query, plain(FETCH)),
    Bug("asks again", "a retry fetches what is stored", "stages/fetch.py",
        plants.asks_again, calls(FETCH, Way.KILLED, "store PUT raw/album", most=1)),
    Bug("token not stored", "a new refresh token is used and not stored", "spotify/user_tokens.py",
        plants.token_not_stored, plain(LISTS)),
    Bug("loss not noted", "a login that is lost counts as one that ended", "spotify/user_tokens.py",
        plants.loss_not_noted, calls(LISTS, Way.KILLED, "api POST", most=1)),
    Bug("bytes not kept", "responses are written anew instead of byte for byte", "stages/fetch.py",
        plants.bytes_not_kept, plain(FETCH)),
    Bug("local clock", "observed_at is this machine's", "spotify/transport.py",
        plants.local_clock, plain(FETCH)),
    Bug("summary first", "counts are there before the rows that they count", "stages/validate.py",
        plants.summary_first, calls("validate band", Way.KILLED, "store PUT", most=4)),
    Bug("bad record dropped", "a refused record is counted nowhere", "stages/validate.py",
        plants.bad_record_dropped, plain("validate band")),
    Bug("quarantine swallowed", "refused records do not reach ops.quarantined_record",
        "warehouse/quarantine.py", plants.quarantine_swallowed, plain(LOAD)),
    Bug("no transaction", "rows are committed before the log of the load", "warehouse/merge.py",
        plants.no_transaction, calls(LOAD, Way.KILLED, "ops.load")),
    Bug("commit believed", "a COMMIT that failed is taken for success", "warehouse/connection.py",
        plants.commit_believed, calls(LOAD, Way.REFUSED, COMMIT, most=2)),
    Bug("crawl state first", "albums count as complete before they are loaded", "stages/load.py",
        plants.crawl_state_first, calls(LOAD, Way.REFUSED, COMMIT, most=2)),
    Bug("number without lock", "load numbers are drawn in another order than commits", "warehouse/merge.py",
        plants.number_without_lock, of(side_by_side)),
    Bug("watermark too high", "a reader's mark counts loads that have not committed", "warehouse/load_log.py",
        plants.watermark_too_high, of(side_by_side)),
    Bug("last one wins", "the upsert lets whatever comes last win", "warehouse/merge_sql.py",
        plants.last_one_wins, of(backwards)),
    Bug("simplified wins", "a record without detail erases the detail", "warehouse/merge_sql.py",
        plants.simplified_wins, of(backwards)),
    Bug("seen backwards", "last_seen_on goes back when an older day is loaded", "warehouse/merge_sql.py",
        plants.seen_backwards, of(backwards)),
    Bug("rows rewritten", "equal rows are written again", "warehouse/merge_sql.py",
        plants.rows_rewritten, of(twice)),
    Bug("queue drawn again", "each run takes other ids from the detail queue", "stages/details.py",
        plants.queue_drawn_again, of(twice)),
    Bug("duplicates forgotten", "repeats within a source are not counted", "warehouse/merge.py",
        plants.duplicates_forgotten, plain(LOAD)),
    Bug("kind forgotten", "the reconciliation leaves out tracks", "stages/reconcile.py",
        plants.kind_forgotten, plain("reconcile")),
    Bug("cursor ahead", "the listening cursor moves before the plays are loaded", "stages/listening.py",
        plants.cursor_ahead, plain("listen _listening")),
    Bug("absent means left", "a playlist of which pages are missing counts as whole", "lake/list_reads.py",
        plants.absent_means_left, closed_bucket),
    Bug("rights not moved", "readers may enter the tables that are retired, not those that are published",
        "warehouse/bootstrap.sql", plants.rights_not_moved, of(switched)),
    Bug("publication apart", "the row of a publication is committed after its tables",
        "warehouse/publication.py", plants.publication_apart, of(switched)),
    Bug("catch-up skipped", "retired tables are not built once more", "orchestration/dbt/publication.py",
        plants.catch_up_skipped, of(switched)),
    Bug("build unchecked", "tables are published of which some were not built anew",
        "warehouse/publication.py", plants.build_unchecked, of(switched)),
    Bug("share unchecked", "a source that is mostly bad is loaded all the same", "stages/load_inputs.py",
        plants.share_unchecked, mostly_bad),
    Bug("past faked", "a past date is fetched with today's responses", "spotify/client.py",
        plants.past_faked, past_day),
)  # fmt: skip
