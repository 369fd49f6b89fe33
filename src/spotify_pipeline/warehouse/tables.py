"""Tables of the schemas `staging` and `ops`; the migrations make them, a test holds the two to each other.

A column of a field group carries the group's name in `info["group"]`. Each group has three order columns,
`<group>_observed_at`, `<group>_rank` and `<group>_raw_key`: the observation that its values come from.
`rank` is 0 for a simplified record and 1 for a full one. Those of `listing` are never null; those of the
other groups are null until an answer carried the group.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Sequence,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

LOAD_SEQ = Sequence("load_seq_seq", schema="ops", metadata=metadata, data_type=BigInteger)
TIMESTAMP = DateTime(timezone=True)
RECORD_KINDS = ("track", "album", "artist")


def _required(name: str, type_: Any) -> Column[Any]:
    return Column(name, type_, nullable=False)


def _group(group: str, *columns: Column[Any]) -> list[SchemaItem]:
    """Columns of a field group, its order columns and its checks."""
    required = group == "listing"
    order: list[Column[Any]] = [
        Column(f"{group}_observed_at", TIMESTAMP, nullable=not required),
        Column(f"{group}_rank", SmallInteger, nullable=not required),
        # compared byte by byte, the same on every server
        Column(f"{group}_raw_key", Text(collation="C"), nullable=not required),
    ]
    for column in columns:
        column.info["group"] = group
    observed_at, rank, raw_key = (column.name for column in order)
    checks = [CheckConstraint(f"{rank} IN (0, 1)", name=rank)]
    if not required:
        whole = f"num_nulls({observed_at}, {rank}, {raw_key}) IN (0, 3)"
        checks.append(CheckConstraint(whole, name=f"{group}_order"))
    return [*columns, *order, *checks]


def _not_negative(*names: str) -> list[SchemaItem]:
    return [CheckConstraint(f"{name} >= 0", name=name) for name in names]


def _popularity() -> CheckConstraint:
    return CheckConstraint("popularity BETWEEN 0 AND 100", name="popularity")


def _track_columns() -> list[SchemaItem]:
    return [
        *_group(
            "listing",
            _required("name", Text),
            Column("album_id", Text),
            _required("artist_ids", ARRAY(Text)),
            Column("track_number", Integer),
            Column("disc_number", Integer),
            Column("duration_ms", Integer),
            Column("explicit", Boolean),
        ),
        *_group("playability", Column("is_playable", Boolean)),
        *_group("detail", Column("isrc", Text)),
        *_group("popularity", Column("popularity", SmallInteger)),
        *_not_negative("track_number", "disc_number", "duration_ms"),
        _popularity(),
    ]


def _album_columns() -> list[SchemaItem]:
    return [
        *_group(
            "listing",
            _required("name", Text),
            Column("album_type", Text),
            Column("total_tracks", Integer),
            Column("release_date_raw", Text),
            Column("release_date_precision", Text),
            _required("artist_ids", ARRAY(Text)),
            Column("image_url", Text),
        ),
        *_group("detail", Column("upc", Text)),
        *_group("label", Column("label", Text)),
        *_group("popularity", Column("popularity", SmallInteger)),
        *_not_negative("total_tracks"),
        _popularity(),
    ]


def _artist_columns() -> list[SchemaItem]:
    return [
        *_group("listing", _required("name", Text)),
        *_group("detail", Column("genres", ARRAY(Text)), Column("image_url", Text)),
        *_group("popularity", Column("popularity", SmallInteger), Column("followers", BigInteger)),
        *_not_negative("followers"),
        _popularity(),
    ]


def _seen() -> list[SchemaItem]:
    return [
        _required("first_seen_on", Date),
        _required("last_seen_on", Date),
        CheckConstraint("first_seen_on <= last_seen_on", name="seen"),
    ]


def _current(name: str, key: str, columns: list[SchemaItem], *indexes: SchemaItem) -> Table:
    """Table of what is known now, one row per id."""
    return Table(
        name,
        metadata,
        _required(key, Text),
        *columns,
        *_seen(),
        _required("load_seq", BigInteger),
        PrimaryKeyConstraint(key),
        Index(None, "load_seq"),
        *indexes,
        schema="staging",
    )


def _observations(name: str, key: str, columns: list[SchemaItem]) -> Table:
    """Table of the history, one row per id and UTC date of the answer."""
    return Table(
        name,
        metadata,
        _required(key, Text),
        _required("observed_on", Date),
        *columns,
        _required("load_seq", BigInteger),
        PrimaryKeyConstraint(key, "observed_on"),
        Index(None, "load_seq"),
        Index(None, "observed_on"),
        schema="staging",
    )


tracks = _current(
    "tracks",
    "track_id",
    _track_columns(),
    Index(None, "album_id"),
    Index(None, "isrc"),
    Index(None, "artist_ids", postgresql_using="gin"),
)
albums = _current(
    "albums",
    "album_id",
    _album_columns(),
    Index(None, "release_date_raw"),
    Index(None, "artist_ids", postgresql_using="gin"),
)
artists = _current("artists", "artist_id", _artist_columns())
track_observations = _observations("track_observations", "track_id", _track_columns())
album_observations = _observations("album_observations", "album_id", _album_columns())
artist_observations = _observations("artist_observations", "artist_id", _artist_columns())

_KINDS = ", ".join(f"'{kind}'" for kind in RECORD_KINDS)

source_records = Table(
    "source_records",
    metadata,
    _required("source", Text),
    _required("record_kind", Text),
    _required("record_id", Text),
    *_seen(),
    _required("load_seq", BigInteger),
    PrimaryKeyConstraint("source", "record_kind", "record_id"),
    CheckConstraint(f"record_kind IN ({_KINDS})", name="record_kind"),
    Index(None, "load_seq"),
    Index(None, "record_kind", "record_id"),
    schema="staging",
)

source = Table(
    "source",
    metadata,
    _required("name", Text),
    _required("kind", Text),
    _required("active", Boolean),
    _required("definition_sha256", Text),
    _required("first_planned_on", Date),
    _required("last_planned_on", Date),
    PrimaryKeyConstraint("name"),
    CheckConstraint("first_planned_on <= last_planned_on", name="planned"),
    schema="ops",
)

load = Table(
    "load",
    metadata,
    Column("load_seq", BigInteger, nullable=False, autoincrement=False),
    _required("partition", Date),
    _required("source", Text),
    _required("started_at", TIMESTAMP),
    _required("finished_at", TIMESTAMP),
    _required("inserted", BigInteger),
    _required("updated", BigInteger),
    _required("unchanged", BigInteger),
    _required("complete", Boolean),
    _required("run_id", Text),
    _required("try_number", Integer),
    PrimaryKeyConstraint("load_seq"),
    *_not_negative("inserted", "updated", "unchanged"),
    Index(None, "partition", "source"),
    Index(None, "finished_at"),
    schema="ops",
)

reconciliation = Table(
    "reconciliation",
    metadata,
    _required("partition", Date),
    _required("source", Text),
    _required("record_kind", Text),
    _required("fetched", BigInteger),
    _required("loaded", BigInteger),
    _required("quarantined", BigInteger),
    _required("duplicates", BigInteger),
    _required("set_aside", BigInteger),
    _required("complete", Boolean),
    _required("status", Text),
    Column("message", Text),
    _required("checked_at", TIMESTAMP),
    PrimaryKeyConstraint("partition", "source", "record_kind"),
    CheckConstraint(f"record_kind IN ({_KINDS})", name="record_kind"),
    CheckConstraint("status IN ('complete', 'partial', 'failed')", name="status"),
    *_not_negative("fetched", "loaded", "quarantined", "duplicates", "set_aside"),
    schema="ops",
)

step_lease = Table(
    "step_lease",
    metadata,
    _required("step", Text),
    _required("partition", Date),
    _required("source", Text),
    _required("fence", BigInteger),
    _required("holder", Text),
    _required("acquired_at", TIMESTAMP),
    PrimaryKeyConstraint("step", "partition", "source"),
    schema="ops",
)

api_cooldown = Table(
    "api_cooldown",
    metadata,
    _required("account", Text),
    _required("bucket", Text),
    _required("deadline", TIMESTAMP),
    Column("reason", Text),
    _required("recorded_at", TIMESTAMP),
    PrimaryKeyConstraint("account", "bucket"),
    schema="ops",
)

quarantined_record = Table(
    "quarantined_record",
    metadata,
    _required("source", Text),
    _required("record_kind", Text),
    _required("record_key", Text),
    _required("pointer", Text),
    _required("reason_code", Text),
    _required("partition", Date),
    _required("schema_version", Text),
    _required("raw_key", Text(collation="C")),
    _required("message", Text),
    _required("first_seen_at", TIMESTAMP),
    _required("last_seen_at", TIMESTAMP),
    PrimaryKeyConstraint("source", "record_kind", "record_key", "pointer", "reason_code"),
    CheckConstraint(f"record_kind IN ({_KINDS})", name="record_kind"),
    CheckConstraint("first_seen_at <= last_seen_at", name="seen"),
    Index(None, "partition"),
    schema="ops",
)

publication = Table(
    "publication",
    metadata,
    _required("partition", Date),
    _required("published_at", TIMESTAMP),
    _required("run_id", Text),
    _required("load_seq", BigInteger),
    _required("tests_passed", Integer),
    PrimaryKeyConstraint("partition"),
    *_not_negative("tests_passed"),
    schema="ops",
)

dbt_result = Table(
    "dbt_result",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("partition", Text),
    Column("run_id", Text),
    Column("try_number", Integer),
    _required("unique_id", Text),
    _required("resource_type", Text),
    _required("status", Text),
    Column("execution_time", Numeric),
    Column("rows_affected", BigInteger),
    Column("failures", BigInteger),
    Column("message", Text),
    Column("recorded_at", TIMESTAMP, nullable=False, server_default=text("now()")),
    PrimaryKeyConstraint("id"),
    Index(None, "partition", "unique_id"),
    schema="ops",
)
