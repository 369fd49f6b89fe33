"""Removal of objects from the lake."""

from __future__ import annotations

from spotify_pipeline.lake import Lake, keys
from spotify_pipeline.lake.partitions import partitions

# object of a zone whose existence states that the others are complete
_COMPLETE_MARKS = {keys.RAW: keys.MANIFEST_NAME, keys.VALIDATED: keys.SUMMARY_NAME}
ZONES = (keys.RAW, keys.VALIDATED, keys.QUARANTINE, keys.REPORTS)


def remove_objects(lake: Lake, zone: str, doomed: list[str]) -> None:
    """Remove objects of one zone, manifests and summaries first: without them nothing looks complete."""
    mark = _COMPLETE_MARKS.get(zone)
    lake.delete_all([key for key in doomed if mark and key.endswith(f"/{mark}")])
    lake.delete_all([key for key in doomed if not (mark and key.endswith(f"/{mark}"))])


def objects_of_user(lake: Lake, user_hash: str) -> dict[str, list[str]]:
    """Return the keys of all objects that derive from a user's account, by zone."""
    return {
        zone: [
            key
            for partition in partitions(lake, zone)
            for key in lake.keys(f"{keys.users_prefix(zone, partition)}{user_hash}/")
        ]
        for zone in ZONES
    }
