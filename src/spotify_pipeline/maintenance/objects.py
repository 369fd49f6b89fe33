"""Removal of objects from the lake."""

from __future__ import annotations

from spotify_pipeline.lake import Lake, keys
from spotify_pipeline.lake.partitions import partitions

# object of a zone whose existence states that the others are complete
_COMPLETE_MARKS = {keys.RAW: keys.MANIFEST_NAME, keys.VALIDATED: keys.SUMMARY_NAME}
# folders of partitions, in which what derives from an account is below `user=HASH`
ZONES = (keys.RAW, keys.VALIDATED, keys.QUARANTINE, keys.REPORTS)
# without partitions, and what names an account is found by its content
SEARCHED_ZONES = (keys.ALERTS,)
# SQL and column names only
ZONES_WITHOUT_ACCOUNTS = (keys.DOCS,)


def remove_objects(lake: Lake, zone: str, doomed: list[str]) -> None:
    """Remove objects of one zone, manifests and summaries first: without them nothing looks complete."""
    mark = _COMPLETE_MARKS.get(zone)
    lake.delete_all([key for key in doomed if mark and key.endswith(f"/{mark}")])
    lake.delete_all([key for key in doomed if not (mark and key.endswith(f"/{mark}"))])


def objects_of_user(lake: Lake, user_hash: str) -> dict[str, list[str]]:
    """Return the keys of all objects that derive from a user's account, by zone."""
    found = {
        zone: [
            key
            for partition in partitions(lake, zone)
            for key in lake.keys(f"{keys.users_prefix(zone, partition)}{user_hash}/")
        ]
        for zone in ZONES
    }
    for zone in SEARCHED_ZONES:
        found[zone] = [
            key
            for key in lake.keys(f"{zone}/")
            if (stored := lake.find(key)) is not None and user_hash.encode() in stored.data
        ]
    return found
