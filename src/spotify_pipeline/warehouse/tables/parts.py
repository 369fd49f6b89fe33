"""Shared parts of the table definitions: columns, field groups and checks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, Column, Date, DateTime, MetaData, SmallInteger, Text
from sqlalchemy.sql.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

TIMESTAMP = DateTime(timezone=True)
# records with a row per Spotify id
RECORD_KINDS = ("track", "album", "artist", "playlist")
# entries of a list: they have no id, and are counted in addition to the records in them
ENTRY_KINDS = ("playlist_item", "saved_track", "top_track", "top_artist", "followed_artist", "play")
# a response without any record is validated and counted as one
JUDGED_KINDS = (*RECORD_KINDS, *ENTRY_KINDS, "response")


def required(name: str, type_: Any, doc: str | None = None) -> Column[Any]:
    """Return a column that is never null."""
    return Column(name, type_, nullable=False, doc=doc)


def group(name: str, *columns: Column[Any]) -> list[SchemaItem]:
    """Return the columns of a field group, its order columns and its checks."""
    always = name == "listing"
    order: list[Column[Any]] = [
        Column(f"{name}_observed_at", TIMESTAMP, nullable=not always),
        Column(f"{name}_rank", SmallInteger, nullable=not always),
        # compared byte by byte, the same on every server
        Column(f"{name}_raw_key", Text(collation="C"), nullable=not always),
    ]
    for column in columns:
        column.info["group"] = name
    observed_at, rank, raw_key = (column.name for column in order)
    checks = [CheckConstraint(f"{rank} IN (0, 1)", name=rank)]
    if not always:
        all_or_none = f"num_nulls({observed_at}, {rank}, {raw_key}) IN (0, 3)"
        checks.append(CheckConstraint(all_or_none, name=f"{name}_order"))
    return [*columns, *order, *checks]


def not_negative(*names: str) -> list[SchemaItem]:
    """Return the checks that numbers are not negative."""
    return [CheckConstraint(f"{name} >= 0", name=name) for name in names]


def popularity() -> CheckConstraint:
    """Return the check that a popularity is between 0 and 100."""
    return CheckConstraint("popularity BETWEEN 0 AND 100", name="popularity")


def seen() -> list[SchemaItem]:
    """Return the dates of the first and the last observation, with their check."""
    return [
        required("first_seen_on", Date),
        required("last_seen_on", Date),
        CheckConstraint("first_seen_on <= last_seen_on", name="seen"),
    ]


def one_of(column: str, *values: str) -> CheckConstraint:
    """Return the check that a text column has one of `values`."""
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


def user_hash_form() -> CheckConstraint:
    """Return the check that a user's hash is 16 hexadecimal digits."""
    return CheckConstraint("user_hash ~ '^[0-9a-f]{16}$'", name="user_hash")
