"""Every error this pipeline raises on purpose.

    PipelineError
    ├── TransientError            trying again later can succeed
    │   ├── ApiUnavailable        Spotify cannot be reached, or answers 5xx
    │   ├── BodyCutShort          an answer that ended early or is not JSON
    │   ├── CallBudgetSpent       this run has made all the calls that its settings allow
    │   ├── RateLimited           429: the bucket is closed until `deadline`
    │   ├── LakeUnavailable       the object store cannot be reached
    │   ├── WarehouseUnavailable  Postgres cannot be reached, or lost the connection
    │   ├── EngineLost            Spark cannot be reached, or lost a job
    │   ├── LeaseLost             another attempt has begun the step since, and goes before
    │   └── PartitionBusy         another run loads this partition now, and goes before
    └── TerminalError             the same call fails again until somebody repairs something
        ├── ConfigurationError    a setting or connection is missing or wrong
        │   ├── ConnectionMissing a connection is not defined
        │   ├── SourcesFileError  sources.yml, with the line
        │   ├── EngineMissing     pyspark or Java is not there
        │   └── BucketMissing     the object store has no such bucket
        ├── AuthenticationError   Spotify refuses the client id, secret or login
        ├── PermissionDenied      403: this app or login may not read that
        ├── UserErased            the user's data was erased, and no newer login was given
        ├── NotFound              404: Spotify knows no such id
        ├── RequestRefused        another 4xx: the request itself is wrong
        ├── UnsafeLink            a `next` link or redirect that leaves the API's own host
        ├── NothingRetained       a range of dates that no raw is kept of, or that is none
        ├── PastPartition         the partition's date is not the API's date, and no raw exists
        ├── QuarantineShareExceeded  too large a share of a source is bad
        ├── SourcesFailed         a source failed, the others were loaded
        ├── ReconciliationError   fetched is not loaded + quarantined + duplicates + set aside
        ├── RowRefused            Postgres refuses a record that the contract let pass
        ├── UnreadableFile        a file given on the command line is absent or no JSON
        ├── UnknownRecord         no quarantined record has that id
        ├── DamagedObject         a stored object is absent or differs from its manifest
        └── SchemaVersionError    the warehouse is newer than this code, or was never migrated

Every message is one sentence that names the thing and the way out.
"""

from __future__ import annotations

from datetime import datetime


class PipelineError(Exception):
    """Base of all errors raised on purpose."""


class TransientError(PipelineError):
    """Trying again later can succeed."""


class TerminalError(PipelineError):
    """The same call fails again until somebody repairs something."""


class ApiUnavailable(TransientError):
    """Spotify cannot be reached, or answers 5xx."""


class BodyCutShort(TransientError):
    """An answer ended early or is not JSON."""


class RateLimited(TransientError):
    """429: `bucket` is closed until `deadline` (UTC); `reason` is Spotify's, for example QUOTA_EXCEEDED."""

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
    """This run has made all the calls to `bucket` (or `total`) that its settings allow."""

    def __init__(self, message: str, *, bucket: str) -> None:
        super().__init__(message)
        self.bucket = bucket

    @classmethod
    def of(cls, bucket: str, limit: int) -> CallBudgetSpent:
        """The error for a budget of `limit` calls."""
        what = "in all" if bucket == "total" else f"to {bucket}"
        return cls(
            f"this run's budget of {limit} calls {what} is spent: the next partition goes on, or raise "
            "SPOTIFY_PIPELINE_CALL_BUDGET",
            bucket=bucket,
        )


class LakeUnavailable(TransientError):
    """The object store cannot be reached."""


class WarehouseUnavailable(TransientError):
    """Postgres cannot be reached, or lost the connection."""


class EngineLost(TransientError):
    """Spark cannot be reached, or a job of it was lost; what it had landed is removed by the next."""


class LeaseLost(TransientError):
    """A newer attempt holds the lease of this step; this attempt wrote nothing.

    Of an orphan nobody asks any more. Of two runs of one partition the later goes before, and the next try
    of the other finds its work done.
    """


class PartitionBusy(TransientError):
    """Another run loads this partition now, and goes before."""


class ConfigurationError(TerminalError):
    """A setting or connection is missing or wrong."""


class ConnectionMissing(ConfigurationError):
    """A connection is not defined."""


class SourcesFileError(ConfigurationError):
    """sources.yml cannot be used; the message carries file and line."""


class EngineMissing(ConfigurationError):
    """The Spark engine was asked for, and pyspark or Java is not there."""


class BucketMissing(ConfigurationError):
    """The object store has no such bucket."""


class AuthenticationError(TerminalError):
    """Spotify refuses the client id, secret or login."""


class PermissionDenied(TerminalError):
    """403: this app or login may not read that."""


class UserErased(TerminalError):
    """The user's data was erased, and no newer login was given."""


class NotFound(TerminalError):
    """404: Spotify knows no such id; `observed_at` (UTC) is when it said so, where the answer tells."""

    observed_at: datetime | None = None


class RequestRefused(TerminalError):
    """A 4xx other than 401, 403, 404 and 429: the request itself is wrong."""


class UnsafeLink(TerminalError):
    """A `next` link or redirect that leaves the API's own host and path."""


class PastPartition(TerminalError):
    """The partition's date is not the API's date, and no raw exists: Spotify keeps no history."""


class NothingRetained(TerminalError):
    """A range of dates cannot be replayed: it is none, lies ahead, or no raw of it is kept."""


class QuarantineShareExceeded(TerminalError):
    """More than the set share of a source is bad; nothing of it was loaded."""


class ReconciliationError(TerminalError):
    """What was fetched is not what was loaded, quarantined, repeated or set aside."""


class SourcesFailed(TerminalError):
    """At least one source failed; the others were loaded."""


class RowRefused(TerminalError):
    """Postgres refuses a record that the contract let pass; nothing of its source was loaded."""


class UnreadableFile(TerminalError):
    """A file given on the command line is absent, may not be read, or is not what it should be."""


class UnknownRecord(TerminalError):
    """No quarantined record has that id, or several have."""


class DamagedObject(TerminalError):
    """A stored object is absent or differs from its manifest."""


class SchemaVersionError(TerminalError):
    """The warehouse is newer than this code, or was never migrated."""
