"""Objects on their way out of the lake."""

from __future__ import annotations

from spotify_pipeline.lake import Lake, keys
from spotify_pipeline.lake.partitions import partitions

SAYS_WHOLE = {keys.RAW: keys.MANIFEST_NAME, keys.VALIDATED: keys.SUMMARY_NAME}
"""Object of a zone that says that the others are all there."""
ZONES = (keys.RAW, keys.VALIDATED, keys.QUARANTINE, keys.REPORTS)


def remove_whole(lake: Lake, zone: str, doomed: list[str]) -> None:
    """Remove objects of one zone, those first that say that the others are all there."""
    first = SAYS_WHOLE.get(zone)
    lake.delete_all([key for key in doomed if first and key.endswith(f"/{first}")])
    lake.delete_all([key for key in doomed if not (first and key.endswith(f"/{first}"))])


def objects_of_user(lake: Lake, user_hash: str) -> dict[str, list[str]]:
    """Keys of all objects that derive from a user's account, by zone."""
    return {
        zone: [
            key
            for partition in partitions(lake, zone)
            for key in lake.keys(f"{keys.users_prefix(zone, partition)}{user_hash}/")
        ]
        for zone in ZONES
    }
