"""Tables of `staging`, `ops` and `landing`; the migrations make them, a test holds the two to each other.

A column of a field group carries the group's name in `info["group"]`. Each group has three order columns,
`<group>_observed_at`, `<group>_rank` and `<group>_raw_key`: the observation that its values come from.
`rank` is 0 for a simplified record and 1 for a full one. Those of `listing` are never null; those of the
other groups are null until an answer carried the group.
"""

from __future__ import annotations

from spotify_pipeline.warehouse.tables import (
    alerts,
    crawl,
    landing,
    lists,
    ops,
    pace,
    removals,
    shapes,
    staging,
)
from spotify_pipeline.warehouse.tables.parts import ENTRY_KINDS, JUDGED_KINDS, RECORD_KINDS, metadata

__all__ = [
    "ENTRY_KINDS",
    "JUDGED_KINDS",
    "RECORD_KINDS",
    "alerts",
    "crawl",
    "landing",
    "lists",
    "metadata",
    "ops",
    "pace",
    "removals",
    "shapes",
    "staging",
]
