"""Finds and removes objects of the lake."""

from __future__ import annotations

from datetime import date

from spotify_pipeline.lake import Lake, keys
from spotify_pipeline.lake.partitions import partitions
from spotify_pipeline.maintenance.inventory import PARTITIONED, ZONES, Erased

# object of a zone that marks a source's partition as complete
_COMPLETE_MARKS = {keys.RAW: keys.MANIFEST_NAME, keys.VALIDATED: keys.SUMMARY_NAME}


def remove_objects(lake: Lake, zone: str, to_remove: list[str]) -> None:
    """Remove objects of one zone, manifests and summaries first, so that no remaining part looks complete."""
    mark = _COMPLETE_MARKS.get(zone)
    lake.delete_all([key for key in to_remove if mark and key.endswith(f"/{mark}")])
    lake.delete_all([key for key in to_remove if not (mark and key.endswith(f"/{mark}"))])


def objects_of_user(lake: Lake, user_hash: str, until: date | None = None) -> dict[str, list[str]]:
    """Return the keys of all objects that belong to one user alone, by zone.

    Args:
        lake: the object store.
        user_hash: the user.
        until: last partition to look at; None for all.
    """
    found = {
        zone.name: [
            key
            for partition in partitions(lake, zone.name)
            if until is None or partition <= until
            for key in lake.keys(f"{keys.users_prefix(zone.name, partition)}{user_hash}/")
        ]
        for zone in PARTITIONED
    }
    for zone in ZONES:
        if zone.erased is Erased.CONTENT:
            found[zone.name] = [
                key
                for key in lake.keys(f"{zone.name}/")
                if (stored := lake.find(key)) is not None and user_hash.encode() in stored.data
            ]
    return found


def shared_pages(lake: Lake, since: date) -> list[str]:
    """Return the keys of the pages of all accounts together from a date on, as their figures count each."""
    return [
        key
        for partition in partitions(lake, keys.REPORTS)
        if partition >= since
        for key in lake.keys(keys.partition_prefix(keys.REPORTS, partition))
        if "/user=" not in key
    ]
