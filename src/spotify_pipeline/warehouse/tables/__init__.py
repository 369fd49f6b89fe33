"""Defines the tables of `staging`, `ops` and `landing`, for Alembic and for the bulk upsert.

After a change here, `make revision MESSAGE="…"` writes the migration. Views and rights are defined by the
revisions in `warehouse/migrations/versions`.

A column of a field group carries the group's name in `info["group"]`. Each group has three order columns,
`<group>_observed_at`, `<group>_rank` and `<group>_raw_key`: the observation that its values come from.
`rank` is 0 for a simplified record and 1 for a full one. The order columns of `listing` are never null; those
of the other groups are null until a response contains the group.
"""

from __future__ import annotations

from spotify_pipeline.warehouse.tables import (
    crawl,
    landing,
    lists,
    ops,
    staging,
)
from spotify_pipeline.warehouse.tables.parts import ENTRY_KINDS, JUDGED_KINDS, RECORD_KINDS, metadata

__all__ = [
    "ENTRY_KINDS",
    "JUDGED_KINDS",
    "RECORD_KINDS",
    "crawl",
    "landing",
    "lists",
    "metadata",
    "ops",
    "staging",
]
