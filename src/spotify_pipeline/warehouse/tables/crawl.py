"""Schema `ops`: crawl state, detail queue, users and their cursors, pace and budget of calls."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from spotify_pipeline.warehouse.tables.parts import TIMESTAMP, metadata, not_negative, one_of, required

# by source: another source has to fetch the same album too, since its records count in each
crawl_state = Table(
    "crawl_state",
    metadata,
    required("source", Text),
    required("record_kind", Text),
    required("record_id", Text),
    required("listing_sha256", Text, "SHA-256 of the listing group, as the artist's list gave it."),
    required("complete_on", Date, "Partition that fetched it completely."),
    required("refreshed_at", TIMESTAMP, "When it was fetched last."),
    required("refresh_due_on", Date, "Date from which it is fetched again."),
    PrimaryKeyConstraint("source", "record_kind", "record_id"),
    one_of("record_kind", "album"),
    schema="ops",
    info={"purpose": "Albums that a source has fetched completely, and when each is due again."},
)

# by partition: a later one continues where one stopped, and a repeated one gets the same result
crawl_begun = Table(
    "crawl_begun",
    metadata,
    required("source", Text),
    required("record_kind", Text),
    required("record_id", Text),
    required("stopped_on", Date, "Partition in which fetching stopped."),
    required("listing_sha256", Text, "SHA-256 of the listing group, as the artist's list gave it."),
    required("begun_at", TIMESTAMP, "Time of the response with the detail."),
    required("next_offset", Integer, "Offset of the first page of tracks that is missing."),
    PrimaryKeyConstraint("source", "record_kind", "record_id", "stopped_on"),
    one_of("record_kind", "album"),
    *not_negative("next_offset"),
    schema="ops",
    info={"purpose": "Albums whose fetching stopped in the middle, and where it continues."},
)

detail_queue = Table(
    "detail_queue",
    metadata,
    required("record_kind", Text),
    required("record_id", Text),
    required("reason", Text, "Why it is in the queue."),
    required("enqueued_on", Date, "Date on which it was first seen."),
    Column("done_on", Date, doc="Partition that fetched it; null if none has."),
    Column("asked_on", Date, doc="Last partition in which Spotify did not return it."),
    PrimaryKeyConstraint("record_kind", "record_id"),
    one_of("record_kind", "track"),
    Index(None, "enqueued_on", "record_id", postgresql_where=text("done_on IS NULL")),
    schema="ops",
    info={"purpose": "Tracks whose details are still to be fetched."},
)

play_cursor = Table(
    "play_cursor",
    metadata,
    required("user_hash", Text),
    required(
        "after_ms",
        BigInteger,
        "Time of the newest play, in milliseconds as the endpoint's `after` takes them.",
    ),
    required("last_run_at", TIMESTAMP, "When the history was read last."),
    PrimaryKeyConstraint("user_hash"),
    *not_negative("after_ms"),
    schema="ops",
    info={"purpose": "The newest known play of each user."},
)

play_gap = Table(
    "play_gap",
    metadata,
    required("user_hash", Text),
    required("from_played_at", TIMESTAMP, "Last play before the gap."),
    required("to_played_at", TIMESTAMP, "First play after it."),
    required("noticed_at", TIMESTAMP, "When it was found."),
    PrimaryKeyConstraint("user_hash", "from_played_at"),
    CheckConstraint("from_played_at < to_played_at", name="played_at"),
    schema="ops",
    info={"purpose": "Spans in which plays of a user may have been lost."},
)

user = Table(
    "user",
    metadata,
    required("user_hash", Text),
    required("connection", Text, "Airflow connection with the login."),
    required("scopes", Text, "What the login allows."),
    Column("authorized_on", Date, doc="Date of the login."),
    Column("token_expires_on", Date, doc="Last date of the login; null if unknown."),
    Column("erased_at", TIMESTAMP, doc="When the user was erased."),
    PrimaryKeyConstraint("user_hash"),
    schema="ops",
    info={"purpose": "Users who have logged in, by their hash."},
)

api_pace = Table(
    "api_pace",
    metadata,
    required("account", Text),
    required("next_at", TIMESTAMP, "Theoretical arrival time of the next call (GCRA)."),
    required("paused_until", TIMESTAMP, "No call is made before."),
    PrimaryKeyConstraint("account"),
    schema="ops",
    info={"purpose": "The pace of calls that all tasks share."},
)

api_calls = Table(
    "api_calls",
    metadata,
    required("account", Text),
    required("run_id", Text),
    required("bucket", Text, "Group of endpoints that share a limit, or `total`."),
    required("calls", BigInteger, "Number of calls."),
    required("first_call_at", TIMESTAMP, "When the first was made."),
    PrimaryKeyConstraint("account", "run_id", "bucket"),
    *not_negative("calls"),
    schema="ops",
    info={"purpose": "Calls of each run and rate-limit bucket, counted against the budget."},
)
