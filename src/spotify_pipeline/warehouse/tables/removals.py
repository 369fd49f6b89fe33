"""Tables of schema `ops` that say what was removed: for a user, or for its age. Counts, never content."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Identity, Index, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from spotify_pipeline.warehouse.tables.parts import TIMESTAMP, metadata, required, user_hash_form

erasure = Table(
    "erasure",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    required("user_hash", Text),
    required("erased_at", TIMESTAMP),
    # rows by table, objects by zone
    required("removed", JSONB),
    PrimaryKeyConstraint("id"),
    user_hash_form(),
    Index(None, "user_hash"),
    schema="ops",
)

maintenance_run = Table(
    "maintenance_run",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    # the date that ages were counted from
    required("as_of", Date),
    required("finished_at", TIMESTAMP),
    required("removed", JSONB),
    PrimaryKeyConstraint("id"),
    schema="ops",
)
