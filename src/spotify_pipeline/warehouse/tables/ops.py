"""Schema `ops`: logs and state of the pipeline, such as loads, counts, leases, publications and alerts."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
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
from sqlalchemy.dialects.postgresql import JSONB

from spotify_pipeline.warehouse.tables.parts import (
    JUDGED_KINDS,
    TIMESTAMP,
    metadata,
    not_negative,
    one_of,
    required,
    user_hash_form,
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
    info={"purpose": "The right to write a source and partition; a load checks its lease before COMMIT."},
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
    info={"purpose": "Endpoints that Spotify has closed, and until when."},
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
    # when the record of the same response passed
    Column("resolved_at", TIMESTAMP),
    PrimaryKeyConstraint("source", "record_kind", "record_key", "pointer", "reason_code"),
    one_of("record_kind", *JUDGED_KINDS),
    CheckConstraint("first_seen_at <= last_seen_at", name="seen"),
    Index(None, "partition"),
    schema="ops",
    info={"purpose": "Each rejected record with its reason, and the first and last time it was seen."},
)

publication = Table(
    "publication",
    metadata,
    required("partition", Date),
    required("published_at", TIMESTAMP),
    required("run_id", Text),
    required("load_seq", BigInteger),
    required("tests_passed", Integer),
    # when its tables became those of schema marts
    Column("switched_at", TIMESTAMP),
    # digest of staging and the dbt project; null if the project changed during the run
    Column("inputs_digest", Text),
    PrimaryKeyConstraint("partition"),
    *not_negative("tests_passed"),
    schema="ops",
    info={"purpose": "One row per publication of the marts."},
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
    Column("task_id", Text),
    PrimaryKeyConstraint("id"),
    Index(None, "partition", "unique_id"),
    schema="ops",
    info={"purpose": "The result of each dbt node in each run."},
)

alert = Table(
    "alert",
    metadata,
    # a date, or empty if the cause has none
    required("partition", Text),
    required("cause", Text),
    # for example a source or a login; empty if the cause has no subject
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
    info={"purpose": "Alerts that were sent to operators."},
)

record_shape = Table(
    "record_shape",
    metadata,
    required("partition", Date),
    required("source", Text),
    required("request_kind", Text),
    required("record_kind", Text),
    required("records", BigInteger),
    # name of a field -> number of records that have it
    required("fields", JSONB),
    required("new_fields", ARRAY(Text)),
    PrimaryKeyConstraint("source", "request_kind", "record_kind", "partition"),
    one_of("record_kind", *JUDGED_KINDS),
    *not_negative("records"),
    Index(None, "partition"),
    schema="ops",
    info={"purpose": "The fields that the records of a run had; view `ops.contract_drift` compares them."},
)

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
    info={"purpose": "Receipts of erasures: counts, never content."},
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
    info={"purpose": "Counts of the rows and objects that each run of retention deleted, never content."},
)

# load_seq is drawn like that of a load and under the same lock, so that a dbt model needs one watermark
removal = Table(
    "removal",
    metadata,
    required("load_seq", BigInteger),
    required("removed_at", TIMESTAMP),
    # retention: rows observed, or played, before this date are deleted; null for an erasure
    Column("history_before", Date),
    Column("plays_before", Date),
    PrimaryKeyConstraint("load_seq"),
    schema="ops",
)
