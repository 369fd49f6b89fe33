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
    # over the listing group of the simplified record in its artist's list
    required("listing_sha256", Text),
    required("complete_on", Date),
    required("refreshed_at", TIMESTAMP),
    required("refresh_due_on", Date),
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
    required("stopped_on", Date),
    required("listing_sha256", Text),
    # time of the response with the detail
    required("begun_at", TIMESTAMP),
    # of the first page of tracks that is missing
    required("next_offset", Integer),
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
    required("reason", Text),
    required("enqueued_on", Date),
    Column("done_on", Date),
    # the last partition in which Spotify did not return it
    Column("asked_on", Date),
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
    # unix milliseconds, as the endpoint's `after` takes them
    required("after_ms", BigInteger),
    required("last_run_at", TIMESTAMP),
    PrimaryKeyConstraint("user_hash"),
    *not_negative("after_ms"),
    schema="ops",
    info={"purpose": "The newest known play of each user."},
)

play_gap = Table(
    "play_gap",
    metadata,
    required("user_hash", Text),
    required("from_played_at", TIMESTAMP),
    required("to_played_at", TIMESTAMP),
    required("noticed_at", TIMESTAMP),
    PrimaryKeyConstraint("user_hash", "from_played_at"),
    CheckConstraint("from_played_at < to_played_at", name="played_at"),
    schema="ops",
    info={"purpose": "Spans in which plays of a user may have been lost."},
)

user = Table(
    "user",
    metadata,
    required("user_hash", Text),
    # id of the Airflow connection with the login
    required("connection", Text),
    required("scopes", Text),
    Column("authorized_on", Date),
    Column("token_expires_on", Date),
    Column("erased_at", TIMESTAMP),
    PrimaryKeyConstraint("user_hash"),
    schema="ops",
    info={"purpose": "Users who have logged in, by their hash."},
)

api_pace = Table(
    "api_pace",
    metadata,
    required("account", Text),
    # the theoretical arrival time of the next call, the whole state of GCRA
    required("next_at", TIMESTAMP),
    required("paused_until", TIMESTAMP),
    PrimaryKeyConstraint("account"),
    schema="ops",
    info={"purpose": "The pace of calls that all tasks share."},
)

api_calls = Table(
    "api_calls",
    metadata,
    required("account", Text),
    required("run_id", Text),
    # a rate-limit bucket, or `total`
    required("bucket", Text),
    required("calls", BigInteger),
    required("first_call_at", TIMESTAMP),
    PrimaryKeyConstraint("account", "run_id", "bucket"),
    *not_negative("calls"),
    schema="ops",
    info={"purpose": "Calls of each run and rate-limit bucket, counted against the budget."},
)
