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
    required("kind", Text, "Kind of the source."),
    required("active", Boolean),
    required("definition_sha256", Text, "SHA-256 of its entry in sources.yml."),
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
    required("inserted", BigInteger, "New rows of staging."),
    required("updated", BigInteger, "Changed rows of staging."),
    required("unchanged", BigInteger, "Rows that were already so."),
    required("complete", Boolean, "Whether the source was read completely."),
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
    required("complete", Boolean, "Whether the source was read completely."),
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
    required("step", Text, "Stage that writes, for example load."),
    required("partition", Date),
    required("source", Text),
    required("fence", BigInteger, "Number of the lease; only the highest may commit."),
    required("holder", Text, "Run and attempt that hold it."),
    required("acquired_at", TIMESTAMP, "When it was taken."),
    PrimaryKeyConstraint("step", "partition", "source"),
    schema="ops",
    info={"purpose": "The right to write a source and partition; a load checks its lease before COMMIT."},
)

api_cooldown = Table(
    "api_cooldown",
    metadata,
    required("account", Text),
    required("bucket", Text, "Group of endpoints that share a limit."),
    required("deadline", TIMESTAMP, "When it may be called again."),
    Column("reason", Text, doc="Why it is closed."),
    required("recorded_at", TIMESTAMP, "When the pipeline learned it."),
    PrimaryKeyConstraint("account", "bucket"),
    schema="ops",
    info={"purpose": "Endpoints that Spotify has closed, and until when."},
)

quarantined_record = Table(
    "quarantined_record",
    metadata,
    required("source", Text),
    required("record_kind", Text),
    required("record_key", Text, "Id of the record, or its place in the response."),
    required("pointer", Text, "JSON pointer to the value that was rejected."),
    required("reason_code", Text, "Rule that rejected it: `spotify-pipeline contract rules` lists them."),
    required("partition", Date),
    required("schema_version", Text, "Version of the contract that rejected it."),
    required("raw_key", Text(collation="C"), "Object with the response."),
    required("message", Text, "What is wrong."),
    required("first_seen_at", TIMESTAMP, "When it was rejected first."),
    required("last_seen_at", TIMESTAMP, "When it was rejected last."),
    Column("resolved_at", TIMESTAMP, doc="When the record of the same response passed; null if it has not."),
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
    required("published_at", TIMESTAMP, "When all tests had passed."),
    required("run_id", Text),
    required("load_seq", BigInteger, "Newest load that the tables contain."),
    required("tests_passed", Integer, "Data tests that passed in this run."),
    Column("switched_at", TIMESTAMP, doc="When its tables became those of schema marts."),
    Column(
        "inputs_digest",
        Text,
        doc="Digest of staging and the dbt project; null if the project changed during the run.",
    ),
    PrimaryKeyConstraint("partition"),
    *not_negative("tests_passed"),
    schema="ops",
    info={"purpose": "One row per publication of the marts."},
)

dbt_result = Table(
    "dbt_result",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False, doc="Number of the row."),
    Column("partition", Text),
    Column("run_id", Text),
    Column("try_number", Integer),
    required("unique_id", Text, "dbt's id of the node."),
    required("resource_type", Text, "model, seed, test, …"),
    required("status", Text, "dbt's status: success, pass, warn, fail, error, …"),
    Column("execution_time", Numeric, doc="Seconds."),
    Column("rows_affected", BigInteger, doc="Rows that the node wrote."),
    Column("failures", BigInteger, doc="Rows that a data test found."),
    Column("message", Text, doc="dbt's message."),
    Column(
        "recorded_at",
        TIMESTAMP,
        nullable=False,
        server_default=text("now()"),
        doc="When the row was written.",
    ),
    Column("task_id", Text),
    PrimaryKeyConstraint("id"),
    Index(None, "partition", "unique_id"),
    schema="ops",
    info={"purpose": "The result of each dbt node in each run."},
)

alert = Table(
    "alert",
    metadata,
    required("partition", Text, "Date of the data; empty if the cause has none."),
    required("cause", Text, "What raises the alert, for example DataTestFailed."),
    required("subject", Text, "For example a source or a login; empty if the cause has none."),
    required("severity", Text, "error or warning."),
    required("title", Text, "Its first line."),
    required("happened", Text, "What happened."),
    required("meaning", Text, "What it means for the data."),
    required("action", Text, "What to do."),
    Column("dag_id", Text),
    Column("run_id", Text),
    Column("task_id", Text),
    required("raised_at", TIMESTAMP, "When it was raised first."),
    required("last_seen_at", TIMESTAMP, "When it was raised last."),
    required("times_seen", Integer, "How often it was raised."),
    required("delivered_to", ARRAY(Text), "Receivers that have it."),
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
    required("request_kind", Text, "Kind of the response."),
    required("record_kind", Text),
    required("records", BigInteger, "Records of this kind."),
    required("fields", JSONB, "Name of a field, and the number of records that have it."),
    required("new_fields", ARRAY(Text), "Fields that the contract does not know."),
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
    Column("id", BigInteger, Identity(always=True), nullable=False, doc="Number of the receipt."),
    required("user_hash", Text),
    required("erased_at", TIMESTAMP, "When the user was erased."),
    required("removed", JSONB, "Number of rows by table, of objects by zone."),
    PrimaryKeyConstraint("id"),
    user_hash_form(),
    Index(None, "user_hash"),
    schema="ops",
    info={"purpose": "Receipts of erasures: counts, never content."},
)

maintenance_run = Table(
    "maintenance_run",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False, doc="Number of the run."),
    required("as_of", Date, "Date that ages were counted from."),
    required("finished_at", TIMESTAMP, "When it ended."),
    required("removed", JSONB, "Number of rows by table, of objects by zone."),
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
