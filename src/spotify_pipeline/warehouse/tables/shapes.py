"""Shapes of records of schema `ops`: which fields a run's records had. View ops.contract_drift reads them."""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, Date, Index, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from spotify_pipeline.warehouse.tables.parts import JUDGED_KINDS, metadata, not_negative, one_of, required

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
)
