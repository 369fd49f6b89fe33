"""Explains each of our errors to an operator: what it means and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spotify_pipeline import errors


@dataclass(frozen=True)
class Explanation:
    """Meaning of an error, and the action it asks for.

    Attributes:
        about: what makes two errors of one cause and partition the same alert: `task`, the task or source
            that raised it; `message`, the error's text; `all`, nothing, since every task meets the same
            outage with another text.
    """

    meaning: str
    action: str
    about: Literal["task", "message", "all"] = "task"


_GO_ON = "then clear the failed tasks in the grid: they go on from what is stored"
_NOTHING_LOST = "Nothing is lost and nothing half-written is visible"
_LOADED = "The other sources of the day are loaded and passed on"

UNKNOWN = Explanation(
    f"The task's downstream waits. {_NOTHING_LOST}.",
    "Read the last error in the log, fix the cause, then clear the task: it and what follows run again.",
)
DIED = Explanation(
    f"Its process ended without an error: it was killed, or memory ran out. {_NOTHING_LOST}.",
    "See what restarted and whether memory ran out, then clear the task: it goes on from what is stored.",
)

_BY_ERROR: dict[type[BaseException], Explanation] = {
    errors.WarehouseUnavailable: Explanation(
        f"Postgres did not respond for all tries of the task. {_NOTHING_LOST}; no stage can go on.",
        f"See that the server of the named connection runs and is reachable, {_GO_ON}.",
        about="all",
    ),
    errors.LakeUnavailable: Explanation(
        f"The object store did not respond for all tries of the task. {_NOTHING_LOST}; no stage can go on.",
        f"See that the store of connection 'spotify_lake' runs and is reachable, {_GO_ON}.",
        about="all",
    ),
    errors.ApiUnavailable: Explanation(
        "Spotify did not respond for all tries of the task. What was fetched is kept.",
        "Look at Spotify's status page; clear the fetch task while its date is today, later there is no "
        "history to fetch.",
        about="all",
    ),
    errors.RateLimited: Explanation(
        "A bucket of the Web API is closed. What was fetched is kept.",
        "Nothing needs doing: the next run goes on. If it happens every day, read less or make an own app.",
    ),
    errors.AuthenticationError: Explanation(
        "Spotify refuses the client or the login, so nothing can be read with it. What is stored stays.",
        "Run `spotify-pipeline auth login` for a user's login, or correct connection 'spotify_api'; "
        "then clear the failed tasks.",
        about="all",
    ),
    errors.WarehouseNewer: Explanation(
        f"This worker has the code of an older release than the one that migrated the warehouse. {_LOADED}.",
        "Install the newer release on every worker, then clear the task.",
    ),
    errors.SchemaVersionError: Explanation(
        f"Code and warehouse are of different releases. {_NOTHING_LOST}.",
        "Install the release that the message names or run `spotify-pipeline warehouse migrate`, then clear "
        "the failed tasks.",
        about="all",
    ),
    errors.ConfigurationError: Explanation(
        f"Nothing can run before it is set right. {_NOTHING_LOST}.",
        "Correct what the message names (`spotify-pipeline doctor` checks all of it), then clear the "
        "failed tasks.",
        about="message",
    ),
    errors.QuarantineShareExceeded: Explanation(
        f"Nothing of this source was loaded, so that bad data does not replace good. {_LOADED}.",
        "Read ops.quarantined_record: if Spotify's responses changed, fix the contract; if they are wrong, "
        "wait. Then clear the source's validate task.",
    ),
    errors.PermissionDenied: Explanation(
        f"The app or login may not read what this source asks for. {_LOADED}.",
        "Take it out of sources.yml, or log in as a user who may read it; then clear its fetch task.",
    ),
    errors.NotFound: Explanation(
        f"Spotify knows no such id. {_LOADED}.",
        "Correct the id in sources.yml, then clear the source's fetch task.",
    ),
    errors.ReconciliationError: Explanation(
        "Records are not accounted for, or no source was loaded: nothing of the day is passed on.",
        "Read which source the message names and clear its validate task; the raw responses are all there.",
    ),
    errors.DamagedObject: Explanation(
        f"A stored object is absent or not what its manifest says. {_LOADED}.",
        "Clear the source's fetch task while its date is today; for a past date restore the object.",
    ),
    errors.SourcesFailed: Explanation(
        f"Those sources are not loaded for this date. {_LOADED}.",
        "Do what the message says of each source, then clear its task.",
    ),
    errors.RowRefused: Explanation(
        f"A record that the contract let pass does not fit the warehouse; nothing of its source was loaded. "
        f"{_LOADED}.",
        "Read which record it is, make the contract stricter, then clear the source's validate task.",
    ),
    errors.BuildIncomplete: Explanation(
        "Nothing was published: readers still see the last tested marts.",
        "Clear the tasks that the message names, with their downstream.",
    ),
    errors.MartsPinned: Explanation(
        "The tested marts wait: readers still see the last ones, and what they read does not change.",
        "End the sessions that the message names, or wait for them, then clear `publish`.",
    ),
    errors.LeaseLost: Explanation(
        "Other attempts kept taking this stage's lease, so this one wrote nothing: several runs of one "
        "partition work at the same time.",
        "Let one of the runs end, then clear the task: it finds most of its work done.",
    ),
}


def explain(error: BaseException | None) -> Explanation:
    """Return the explanation of an error, or of its nearest base class; None means a killed process."""
    if error is None:
        return DIED
    return next((_BY_ERROR[kind] for kind in type(error).__mro__ if kind in _BY_ERROR), UNKNOWN)
