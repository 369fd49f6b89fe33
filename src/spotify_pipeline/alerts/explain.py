"""Explains each error of the pipeline to an operator: its meaning, and the action it requires."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spotify_pipeline import errors


@dataclass(frozen=True)
class Explanation:
    """Meaning of an error, and the action it requires.

    Attributes:
        about: the subject of the alert, by which errors of one cause and partition are merged: `task`, the
            task or source that raised it; `message`, the error's text; `all`, no subject, since every task
            reports the same outage with another text.
    """

    meaning: str
    action: str
    about: Literal["task", "message", "all"] = "task"


_GO_ON = "then clear the failed tasks in the grid: they continue from the stored data"
_NOTHING_LOST = "Nothing is lost and nothing half-written is visible"
_LOADED = "The other sources of the day are loaded and reach the marts"

UNKNOWN = Explanation(
    f"The tasks that depend on it wait. {_NOTHING_LOST}.",
    "Read the last error in the log and fix the cause. Then clear the task with its downstream.",
)
DIED = Explanation(
    f"The process of the task ended without an error: it was killed, or memory ran out. {_NOTHING_LOST}.",
    "Find out whether a machine restarted or memory ran out. Then clear the task: it continues from the "
    "stored data.",
)

_BY_ERROR: dict[type[BaseException], Explanation] = {
    errors.WarehouseUnavailable: Explanation(
        f"Postgres did not respond in any try of the task. {_NOTHING_LOST}; no stage can continue.",
        f"Check that the server of the named connection runs and is reachable, {_GO_ON}.",
        about="all",
    ),
    errors.LakeUnavailable: Explanation(
        f"The object store did not respond in any try of the task. {_NOTHING_LOST}; no stage can continue.",
        f"Check that the store of connection 'spotify_lake' runs and is reachable, {_GO_ON}.",
        about="all",
    ),
    errors.ApiUnavailable: Explanation(
        "Spotify did not respond in any try of the task. Fetched responses are kept.",
        "Look at Spotify's status page. Clear the fetch task while its date is today: a past date cannot be "
        "fetched.",
        about="all",
    ),
    errors.RateLimited: Explanation(
        "A bucket of the Web API is closed. Fetched responses are kept.",
        "Do nothing: the next run continues. If it happens every day, read less, or use a separate app.",
    ),
    errors.AuthenticationError: Explanation(
        "Spotify refuses the client or the login, so nothing can be read with it. Stored data stays.",
        "Run `spotify-pipeline auth login` for a user's login, or correct connection 'spotify_api'; "
        "then clear the failed tasks.",
        about="all",
    ),
    errors.WarehouseNewer: Explanation(
        f"The code of this worker is older than the schema of the warehouse. {_LOADED}.",
        "Install the newer release on every worker, then clear the task.",
    ),
    errors.SchemaVersionError: Explanation(
        f"Code and warehouse belong to different releases. {_NOTHING_LOST}.",
        "Install the release that the message names or run `spotify-pipeline warehouse migrate`, then clear "
        "the failed tasks.",
        about="all",
    ),
    errors.ConfigurationError: Explanation(
        f"No task can run until it is corrected. {_NOTHING_LOST}.",
        "Correct the setting that the message names (`spotify-pipeline doctor` checks them), then clear the "
        "failed tasks.",
        about="message",
    ),
    errors.QuarantineShareExceeded: Explanation(
        f"Nothing of this source was loaded, so that bad data does not replace good data. {_LOADED}.",
        "Read ops.quarantined_record. If Spotify's responses changed, fix the contract; if they are wrong, "
        "wait. Then clear the source's validate task.",
    ),
    errors.PermissionDenied: Explanation(
        f"The app or the login may not read this source. {_LOADED}.",
        "Remove it from sources.yml, or log in as a user who may read it. Then clear its fetch task.",
    ),
    errors.NotFound: Explanation(
        f"Spotify does not know the id. {_LOADED}.",
        "Correct the id in sources.yml, then clear the source's fetch task.",
    ),
    errors.ReconciliationError: Explanation(
        "The counts do not add up, or no source was loaded, so the marts of the day are not built.",
        "Clear the validate task of the source that the message names; all raw responses are stored.",
    ),
    errors.DamagedObject: Explanation(
        f"A stored object is missing or differs from its manifest. {_LOADED}.",
        "If the date is today, clear the source's fetch task. For a past date, restore the object.",
    ),
    errors.SourcesFailed: Explanation(
        f"Those sources are not loaded for this date. {_LOADED}.",
        "Do what the message says for each source, then clear its task.",
    ),
    errors.RowRefused: Explanation(
        f"The warehouse refuses a record that the contract accepts; nothing of its source was loaded. "
        f"{_LOADED}.",
        "Make the contract stricter for the named record. Then clear the source's validate task.",
    ),
    errors.BuildIncomplete: Explanation(
        "Nothing was published: readers still see the last tested marts.",
        "Clear the tasks that the message names, with their downstream.",
    ),
    errors.MartsPinned: Explanation(
        "The newly tested marts are not published yet: readers still see the previous ones.",
        "Wait for the sessions that the message names, or end them. Then clear `publish`.",
    ),
    errors.DiskFull: Explanation(
        f"The disk of the worker was full in every try of the task. {_NOTHING_LOST}.",
        f"Free space in the temporary folder of the worker, or give it a larger one, {_GO_ON}.",
    ),
    errors.LeaseLost: Explanation(
        "Other attempts took the lease of this stage, so this one wrote nothing: several runs of one "
        "partition work at the same time.",
        "Wait until one of the runs has ended, then clear the task; most of its work is done.",
    ),
}


def explain(error: BaseException | None) -> Explanation:
    """Return the explanation of an error, or of its nearest base class; None is a killed process."""
    if error is None:
        return DIED
    return next((_BY_ERROR[kind] for kind in type(error).__mro__ if kind in _BY_ERROR), UNKNOWN)
