"""Which partitions and sources a zone holds."""

from __future__ import annotations

from datetime import date

from spotify_pipeline.lake import keys
from spotify_pipeline.lake.store import Lake


def partitions(lake: Lake, zone: str) -> list[date]:
    """Return the dates below a zone, oldest first, also those of which only a part is left.

    Raises:
        LakeUnavailable, BucketMissing, ConfigurationError: see `Lake`.
    """
    found = (keys.partition_of_folder(name) for name in lake.folders(f"{zone}/"))
    return sorted(partition for partition in found if partition is not None)


def stored_sources(lake: Lake, partition: date) -> list[str]:
    """Return the names of the sources that have a manifest for a partition, sorted.

    Raises:
        LakeUnavailable, BucketMissing, ConfigurationError: see `Lake`.
    """
    found = lake.keys(keys.partition_prefix(keys.RAW, partition))
    names = (keys.source_of(key) for key in found if key.endswith("/" + keys.MANIFEST_NAME))
    return sorted(name for name in names if name)
