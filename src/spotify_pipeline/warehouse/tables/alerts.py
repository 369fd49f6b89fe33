"""The table of schema `ops` that keeps what the operators were told."""

from __future__ import annotations

from sqlalchemy import ARRAY, CheckConstraint, Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from spotify_pipeline.warehouse.tables.parts import TIMESTAMP, metadata, one_of, required

alert = Table(
    "alert",
    metadata,
    # a date, or empty where the cause belongs to none
    required("partition", Text),
    required("cause", Text),
    # what the cause is about, empty where it is about everything
    required("subject", Text),
    required("severity", Text),
    required("title", Text),
    required("happened", Text),
    required("meaning", Text),
    required("action", Text),
    Column("dag_id", Text),
    Column("run_id", Text),
    Column("task_id", Text),
    required("raised_at", TIMESTAMP),
    required("last_seen_at", TIMESTAMP),
    required("times_seen", Integer),
    required("delivered_to", ARRAY(Text)),
    PrimaryKeyConstraint("partition", "cause", "subject"),
    one_of("severity", "error", "warning"),
    CheckConstraint("times_seen >= 1", name="times_seen"),
    CheckConstraint("raised_at <= last_seen_at", name="seen"),
    Index(None, "raised_at"),
    schema="ops",
)
