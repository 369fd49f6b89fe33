"""All errors that this pipeline raises on purpose.

    PipelineError
    ├── TransientError              a later try can succeed
    │   ├── ApiUnavailable          Spotify cannot be reached, responds with 5xx, or refuses a valid request
    │   ├── BodyCutShort            a response ended early or is not JSON
    │   ├── CallBudgetSpent         the run has made all the calls that its settings allow
    │   ├── RateLimited             429: the bucket is closed until `deadline`
    │   ├── LakeUnavailable         the object store cannot be reached
    │   ├── WarehouseUnavailable    Postgres cannot be reached, or the connection was lost
    │   ├── WarehouseNewer          the warehouse has the schema of a newer release: a rollout is under way
    │   ├── MartsPinned             readers keep the published marts for longer than a publication waits
    │   ├── DiskFull                a file system of this machine has no space left
    │   ├── EngineLost              Spark cannot be reached, or lost a job
    │   ├── LeaseLost               a newer attempt has begun the stage and takes precedence
    │   └── PartitionBusy           another run is loading the partition and takes precedence
    └── TerminalError               every try fails until somebody fixes something
        ├── ConfigurationError      a setting or connection is missing or wrong
        │   ├── ConnectionMissing   a connection is not defined
        │   ├── SourcesFileError    sources.yml cannot be used; with the line
        │   ├── EngineMissing       pyspark or Java is not installed
        │   └── BucketMissing       the object store has no such bucket
        ├── AuthenticationError     Spotify refuses the client id, secret or login
        ├── PermissionDenied        403: this app or login may not read that
        │   └── AppDenied           403: this app may read nothing, as the Premium of its owner has lapsed
        ├── UserErased              the user's data was erased, and the login is older than that
        ├── NotFound                404: Spotify knows no such id
        ├── RequestRefused          another 4xx: the request itself is wrong
        ├── UnsafeLink              a `next` link or redirect leaves the API's own host
        ├── NothingRetained         no raw responses of the dates are kept, or the range is not valid
        ├── PastPartition           the date is not the API's, and no raw of it exists
        ├── BuildIncomplete         the tables to publish are not all built and tested
        ├── WrongNode               dbt ran a node that is not the task's own
        ├── QuarantineShareExceeded too large a share of a source is bad
        ├── SourcesFailed           a source failed, the others were loaded
        ├── ReconciliationError     fetched is not loaded + quarantined + duplicates + set aside
        ├── RowRefused              Postgres refuses a record that the contract accepted
        ├── UnreadableFile          a file given on the command line is absent or not JSON
        ├── UnknownRecord           no quarantined record has that id
        ├── DamagedObject           a stored object is absent or differs from its manifest
        └── SchemaVersionError      the warehouse is older than this code, or was never migrated

Each message is one sentence that says what is wrong and what to do.
"""

from __future__ import annotations

import re
from datetime import datetime

_ACCOUNT = re.compile(r"(?<=\buser=)[0-9a-f]{16}\b")


def without_accounts(text: str) -> str:
    """Replace the hashes of users in object keys by `***`: messages go to logs, alerts and XCom."""
    return _ACCOUNT.sub("***", text)


class PipelineError(Exception):
    """Base of all errors that the pipeline raises on purpose."""

    def __str__(self) -> str:
        return without_accounts(super().__str__())


class TransientError(PipelineError):
    """A later try can succeed."""


class TerminalError(PipelineError):
    """Every try fails until somebody fixes something."""


class ApiUnavailable(TransientError):
    """Spotify cannot be reached, responds with 5xx, or refuses a request that it accepted before."""


class BodyCutShort(TransientError):
    """A response ended early or is not JSON."""


class RateLimited(TransientError):
    """429: a rate-limit bucket is closed.

    Attributes:
        bucket: The endpoint that must not be called.
        deadline: Until when, UTC.
        reason: Spotify's reason code, for example QUOTA_EXCEEDED.
    """

    def __init__(self, message: str, *, bucket: str, deadline: datetime, reason: str | None = None) -> None:
        super().__init__(message)
        self.bucket = bucket
        self.deadline = deadline
        self.reason = reason

    @classmethod
    def of(cls, bucket: str, deadline: datetime, reason: str | None) -> RateLimited:
        """Make the error for a bucket that is closed until `deadline`."""
        why = f" ({reason})" if reason else ""
        return cls(
            f"Spotify has closed {bucket}{why} until {deadline:%Y-%m-%d %H:%M:%S} UTC: "
            "it is not called before",
            bucket=bucket,
            deadline=deadline,
            reason=reason,
        )


class CallBudgetSpent(TransientError):
    """The run has made all the calls to `bucket` (or `total`) that its settings allow."""

    def __init__(self, message: str, *, bucket: str) -> None:
        super().__init__(message)
        self.bucket = bucket

    @classmethod
    def of(cls, bucket: str, limit: int) -> CallBudgetSpent:
        """Make the error for a budget of `limit` calls."""
        what = "in all" if bucket == "total" else f"to {bucket}"
        return cls(
            f"this run's budget of {limit} calls {what} is spent: the next partition goes on, or raise "
            "SPOTIFY_PIPELINE_CALL_BUDGET",
            bucket=bucket,
        )


class LakeUnavailable(TransientError):
    """The object store cannot be reached."""


class WarehouseUnavailable(TransientError):
    """Postgres cannot be reached, or the connection was lost."""


class WarehouseNewer(TransientError):
    """The warehouse has the schema of a newer release.

    It happens during a rollout on a worker with the old code; the next try can run on a new worker.
    """


class DiskFull(TransientError):
    """A file system of this machine has no space left; the next try can run on another worker."""

    @classmethod
    def of(cls, what: str, error: OSError) -> DiskFull:
        """Make the error for a file that could not be written, with the reason of the operating system."""
        return cls(f"{what} cannot be written ({error.strerror}): free some space on this machine")


class EngineLost(TransientError):
    """Spark cannot be reached, or lost a job; the next job removes the rows that the lost one landed."""


class LeaseLost(TransientError):
    """A newer attempt holds the lease of this stage; this attempt wrote nothing.

    The attempt may be the orphan of a killed worker. Of two runs of one partition the later takes precedence,
    and the next try of the other finds the work done.
    """


class PartitionBusy(TransientError):
    """Another run is loading this partition now and takes precedence."""


class MartsPinned(TransientError):
    """Readers keep the published marts in place for longer than a publication waits."""


class BuildIncomplete(TerminalError):
    """The tables to publish are not built or not tested completely."""


class WrongNode(TerminalError):
    """dbt ran no node, or a node that is not the task's own."""


class ConfigurationError(TerminalError):
    """A setting or connection is missing or wrong."""


class ConnectionMissing(ConfigurationError):
    """A connection is not defined."""


class SourcesFileError(ConfigurationError):
    """sources.yml cannot be used; the message carries file and line."""

    mistakes: tuple[str, ...] = ()
    """All mistakes of the file, including the first; set if there are several."""


class EngineMissing(ConfigurationError):
    """The Spark engine was chosen, and pyspark or Java is not installed."""


class BucketMissing(ConfigurationError):
    """The object store has no such bucket."""


class AuthenticationError(TerminalError):
    """Spotify refuses the client id, secret or login."""


class PermissionDenied(TerminalError):
    """403: this app or login may not read that."""


class AppDenied(PermissionDenied):
    """403: this app may read nothing."""


class UserErased(TerminalError):
    """The user's data was erased, and the login is older than the erasure."""


class NotFound(TerminalError):
    """404: Spotify knows no such id; `observed_at` (UTC) is the response's `Date`, if it has one."""

    observed_at: datetime | None = None


class RequestRefused(TerminalError):
    """A 4xx other than 401, 403, 404 and 429: the request itself is wrong."""


class UnsafeLink(TerminalError):
    """A `next` link or redirect that leaves the API's own host and path."""


class PastPartition(TerminalError):
    """The partition's date is not the API's date, and no raw exists: Spotify keeps no history."""


class NothingRetained(TerminalError):
    """A range of dates cannot be replayed: it is not valid, in the future, or no raw of it is kept."""


class QuarantineShareExceeded(TerminalError):
    """More than the allowed share of a source is bad; nothing of it was loaded."""


class ReconciliationError(TerminalError):
    """The records fetched are not the sum of those loaded, quarantined, repeated and set aside."""


class SourcesFailed(TerminalError):
    """At least one source failed; the others were loaded."""


class RowRefused(TerminalError):
    """Postgres refuses a record that the contract accepted; nothing of its source was loaded."""


class UnreadableFile(TerminalError):
    """A file given on the command line is absent, cannot be read, or has the wrong content."""


class UnknownRecord(TerminalError):
    """No quarantined record has that id, or several have."""


class DamagedObject(TerminalError):
    """A stored object is absent or differs from its manifest."""


class SchemaVersionError(TerminalError):
    """The warehouse is older than this code, or was never migrated."""
