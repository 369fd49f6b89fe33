"""Schema `landing`: rows that the Spark engine has folded, before they are merged into staging.

One row per id and date, as in the observations, with three more columns: `batch`, `task` (the part of the
batch that one Spark task writes in one transaction) and `unit` (index of its load in the batch, from 1).
Only a load reads them. The tables are unlogged: after a crash of the server, the next try writes the rows
again.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Identity, Index, Integer, PrimaryKeyConstraint, Table, Text
from sqlalchemy.sql.schema import SchemaItem

from spotify_pipeline.warehouse.tables.parts import (
    RECORD_KINDS,
    TIMESTAMP,
    metadata,
    one_of,
    required,
    seen,
)
from spotify_pipeline.warehouse.tables.staging import (
    album_columns,
    artist_columns,
    playlist_columns,
    track_columns,
)

SCHEMA = "landing"

# logged, so that a number is not used again after a crash
batch = Table(
    "batch",
    metadata,
    Column("batch", BigInteger, Identity(always=True), nullable=False),
    required("run_id", Text),
    required("opened_at", TIMESTAMP),
    PrimaryKeyConstraint("batch"),
    schema=SCHEMA,
)


def _landing(name: str, columns: list[SchemaItem]) -> Table:
    return Table(
        name,
        metadata,
        required("batch", BigInteger),
        required("task", Integer),
        required("unit", Integer),
        *columns,
        Index(None, "batch", "task"),
        schema=SCHEMA,
        prefixes=["UNLOGGED"],
    )


def _observations(kind: str, columns: list[SchemaItem]) -> Table:
    return _landing(
        f"{kind}_observations", [required(f"{kind}_id", Text), required("observed_on", Date), *columns]
    )


track_observations = _observations("track", track_columns())
album_observations = _observations("album", album_columns())
artist_observations = _observations("artist", artist_columns())
playlist_observations = _observations("playlist", playlist_columns())
source_records = _landing(
    "source_records",
    [
        required("source", Text),
        required("record_kind", Text),
        required("record_id", Text),
        *seen(),
        one_of("record_kind", *RECORD_KINDS),
    ],
)
