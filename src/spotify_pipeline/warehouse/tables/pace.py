"""Tables of schema `ops` that tasks share to stay within Spotify's limits and the operator's budgets."""

from __future__ import annotations

from sqlalchemy import BigInteger, PrimaryKeyConstraint, Table, Text

from spotify_pipeline.warehouse.tables.parts import TIMESTAMP, metadata, not_negative, required

api_pace = Table(
    "api_pace",
    metadata,
    required("account", Text),
    # the theoretical arrival time of the next call: GCRA keeps no more than that
    required("next_at", TIMESTAMP),
    required("paused_until", TIMESTAMP),
    PrimaryKeyConstraint("account"),
    schema="ops",
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
)
