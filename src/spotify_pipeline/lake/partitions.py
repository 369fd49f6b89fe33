"""Lists partitions and sources of a zone, folder by folder: a partition can have 100,000 objects."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from spotify_pipeline.lake import keys
from spotify_pipeline.lake.manifest import Manifest, read_manifest
from spotify_pipeline.lake.store import Lake

_CONCURRENCY = 16


def partitions(lake: Lake, zone: str) -> list[date]:
    """Return the dates in a zone, oldest first, including dates of which only a part is left.

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
    manifests = [
        (source, keys.manifest_key(partition, source, user)) for source, user in _folders(lake, partition)
    ]
    with ThreadPoolExecutor(_CONCURRENCY) as pool:
        there = pool.map(lake.exists, [key for _, key in manifests])
        return sorted({source for (source, _), exists in zip(manifests, there, strict=True) if exists})


def stored_manifests(lake: Lake, partition: date, names: Collection[str]) -> dict[str, Manifest]:
    """Return the manifests of the named sources; a source without one is left out.

    Raises:
        DamagedObject: one cannot be read.
        LakeUnavailable, BucketMissing, ConfigurationError: see `Lake`.
    """
    wanted = sorted({source for source, _ in _folders(lake, partition)} & set(names))
    with ThreadPoolExecutor(_CONCURRENCY) as pool:
        found = pool.map(lambda source: read_manifest(lake, partition, source), wanted)
        return {manifest.source: manifest for manifest in found if manifest is not None}


def _folders(lake: Lake, partition: date) -> list[tuple[str, str | None]]:
    """Return the sources that have a folder in raw, each with the hash of its user or None."""
    prefix = keys.partition_prefix(keys.RAW, partition)
    listed = lake.folders(prefix)
    found: list[tuple[str, str | None]] = [(source, None) for source in keys.sources_of_folders(listed)]
    for user in keys.user_hashes(name.removeprefix("user=") for name in listed):
        found += [(source, user) for source in keys.sources_of_folders(lake.folders(f"{prefix}user={user}/"))]
    return found
