"""Which partitions a zone holds anything of."""

from __future__ import annotations

from datetime import date

from spotify_pipeline.lake import keys
from spotify_pipeline.lake.store import Lake


def partitions(lake: Lake, zone: str) -> list[date]:
    """Dates below a zone, oldest first, also those that only a part, or (in some stores) nothing is left of.

    Raises:
        LakeUnavailable, BucketMissing, ConfigurationError: see `Lake`.
    """
    found = (keys.partition_of_folder(name) for name in lake.folders(f"{zone}/"))
    return sorted(partition for partition in found if partition is not None)
