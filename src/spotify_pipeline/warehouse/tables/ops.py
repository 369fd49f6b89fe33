"""Schema `ops`: what the pipeline planned, loaded, checked and published."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    text,
)

from spotify_pipeline.warehouse.tables.parts import (
    JUDGED_KINDS,
    TIMESTAMP,
    metadata,
    not_negative,
    one_of,
    required,
)

LOAD_SEQ = Sequence("load_seq_seq", schema="ops", metadata=metadata, data_type=BigInteger)

source = Table(
    "source",
    metadata,
    required("name", Text),
    required("kind", Text),
    required("active", Boolean),
    required("definition_sha256", Text),
    required("first_planned_on", Date),
    required("last_planned_on", Date),
    PrimaryKeyConstraint("name"),
    CheckConstraint("first_planned_on <= last_planned_on", name="planned"),
    schema="ops",
)

load = Table(
    "load",
    metadata,
    Column("load_seq", BigInteger, nullable=False, autoincrement=False),
    required("partition", Date),
    required("source", Text),
    required("started_at", TIMESTAMP),
    required("finished_at", TIMESTAMP),
    required("inserted", BigInteger),
    required("updated", BigInteger),
    required("unchanged", BigInteger),
    required("complete", Boolean),
    required("run_id", Text),
    required("try_number", Integer),
    PrimaryKeyConstraint("load_seq"),
    *not_negative("inserted", "updated", "unchanged"),
    Index(None, "partition", "source"),
    Index(None, "finished_at"),
    schema="ops",
)

reconciliation = Table(
    "reconciliation",
    metadata,
    required("partition", Date),
    required("source", Text),
    required("record_kind", Text),
    required("fetched", BigInteger),
    required("loaded", BigInteger),
    required("quarantined", BigInteger),
    required("duplicates", BigInteger),
    required("set_aside", BigInteger),
    required("complete", Boolean),
    required("status", Text),
    Column("message", Text),
    required("checked_at", TIMESTAMP),
    PrimaryKeyConstraint("partition", "source", "record_kind"),
    one_of("record_kind", *JUDGED_KINDS),
    one_of("status", "complete", "partial", "failed"),
    *not_negative("fetched", "loaded", "quarantined", "duplicates", "set_aside"),
    schema="ops",
)

step_lease = Table(
    "step_lease",
    metadata,
    required("step", Text),
    required("partition", Date),
    required("source", Text),
    required("fence", BigInteger),
    required("holder", Text),
    required("acquired_at", TIMESTAMP),
    PrimaryKeyConstraint("step", "partition", "source"),
    schema="ops",
)

api_cooldown = Table(
    "api_cooldown",
    metadata,
    required("account", Text),
    required("bucket", Text),
    required("deadline", TIMESTAMP),
    Column("reason", Text),
    required("recorded_at", TIMESTAMP),
    PrimaryKeyConstraint("account", "bucket"),
    schema="ops",
)

quarantined_record = Table(
    "quarantined_record",
    metadata,
    required("source", Text),
    required("record_kind", Text),
    required("record_key", Text),
    required("pointer", Text),
    required("reason_code", Text),
    required("partition", Date),
    required("schema_version", Text),
    required("raw_key", Text(collation="C")),
    required("message", Text),
    required("first_seen_at", TIMESTAMP),
    required("last_seen_at", TIMESTAMP),
    # when it passed after all, in the very answer that it was refused in
    Column("resolved_at", TIMESTAMP),
    PrimaryKeyConstraint("source", "record_kind", "record_key", "pointer", "reason_code"),
    one_of("record_kind", *JUDGED_KINDS),
    CheckConstraint("first_seen_at <= last_seen_at", name="seen"),
    Index(None, "partition"),
    schema="ops",
)

publication = Table(
    "publication",
    metadata,
    required("partition", Date),
    required("published_at", TIMESTAMP),
    required("run_id", Text),
    required("load_seq", BigInteger),
    required("tests_passed", Integer),
    PrimaryKeyConstraint("partition"),
    *not_negative("tests_passed"),
    schema="ops",
)

dbt_result = Table(
    "dbt_result",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("partition", Text),
    Column("run_id", Text),
    Column("try_number", Integer),
    required("unique_id", Text),
    required("resource_type", Text),
    required("status", Text),
    Column("execution_time", Numeric),
    Column("rows_affected", BigInteger),
    Column("failures", BigInteger),
    Column("message", Text),
    Column("recorded_at", TIMESTAMP, nullable=False, server_default=text("now()")),
    PrimaryKeyConstraint("id"),
    Index(None, "partition", "unique_id"),
    schema="ops",
)
