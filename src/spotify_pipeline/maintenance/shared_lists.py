"""Erases a user from playlists that other accounts have read, and that the user owns or added entries to.

The manifest of a changed source is written first, so that an interrupted call can be repeated: objects that
are not changed yet still contain the hash.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import orjson

from spotify_pipeline.lake import Lake, MissingRecord, keys
from spotify_pipeline.lake.manifest import parse_manifest, sha256
from spotify_pipeline.lake.partitions import partitions
from spotify_pipeline.lake.store import StoredObject
from spotify_pipeline.maintenance.objects import remove_objects
from spotify_pipeline.spotify.account_ids import ERASED
from spotify_pipeline.spotify.endpoints import RequestKind

_HEAD = f"/{RequestKind.PLAYLIST}-"
_PLAYLISTS = (_HEAD, f"/{RequestKind.PLAYLIST_ITEMS}-")
_VALIDATED_PLAYLISTS = "/playlists.ndjson"


def erase_from_other_accounts(lake: Lake, user_hash: str, *, dry_run: bool) -> Counter[str]:
    """Remove a user's playlists, and the user's hash in others, from the objects of other accounts.

    The validated objects of a changed source are removed too; a replay writes them again.

    Args:
        lake: the object store.
        user_hash: the user.
        dry_run: only count.

    Returns:
        Removed and changed objects by zone.
    """
    counts: Counter[str] = Counter()
    changed: set[str] = set()
    name = user_hash.encode()
    for folder, found in _folders_of_others(lake, keys.RAW, user_hash):
        lists = {key: lake.get(key) for key in found if any(part in key for part in _PLAYLISTS)}
        if any(name in stored.data for stored in lists.values()):
            counts["raw objects of other accounts"] += _change(lake, lists, user_hash, dry_run=dry_run)
            changed.add(_place(folder))
    for zone in (keys.VALIDATED, keys.QUARANTINE):
        for folder, found in _folders_of_others(lake, zone, user_hash):
            playlists = [key for key in found if key.endswith(_VALIDATED_PLAYLISTS)]
            if _place(folder) in changed or any(name in lake.get(key).data for key in playlists):
                changed.add(_place(folder))
                counts[f"{zone} objects of other accounts"] += len(found)
                if not dry_run:
                    remove_objects(lake, zone, found)
    return counts


def _change(lake: Lake, lists: dict[str, StoredObject], user_hash: str, *, dry_run: bool) -> int:
    """Change one source of another account, and return the number of removed and rewritten objects."""
    owned = {
        stored.metadata.get("requested-id")
        for key, stored in lists.items()
        if _HEAD in key and _owner_of(stored) == user_hash
    }
    to_remove = sorted(key for key, stored in lists.items() if stored.metadata.get("requested-id") in owned)
    rewritten = {
        key: stored.data.replace(user_hash.encode(), ERASED.encode())
        for key, stored in lists.items()
        if key not in to_remove and user_hash.encode() in stored.data
    }
    if dry_run:
        return len(to_remove) + len(rewritten)
    folder = next(iter(lists)).rpartition("/")[0]
    stored = lake.find(f"{folder}/{keys.MANIFEST_NAME}")
    if stored is not None:
        manifest = parse_manifest(stored)
        objects = tuple(
            replace(raw, sha256=sha256(rewritten[raw.key]), bytes=len(rewritten[raw.key]))
            if raw.key in rewritten
            else raw
            for raw in manifest.objects
            if raw.key not in to_remove
        )
        gone = (
            MissingRecord("playlist", playlist_id, "the data of its owner was erased", listed=True)
            for playlist_id in sorted(filter(None, owned))
        )
        missing = (*(m for m in manifest.missing if m.requested_id not in owned), *gone)
        lake.put(stored.key, replace(manifest, objects=objects, missing=missing).to_bytes())
    for key, data in rewritten.items():
        lake.put(key, data, metadata=lists[key].metadata)
    # the playlists themselves last: a repeated call finds the pages by them
    for key in sorted(to_remove, key=lambda key: _HEAD in key):
        lake.delete(key)
    return len(to_remove) + len(rewritten)


def _owner_of(stored: StoredObject) -> str | None:
    try:
        owner = (orjson.loads(stored.data).get("owner") or {}).get("id")
    except (ValueError, AttributeError):
        return None  # not a playlist: validation has quarantined it
    return owner if isinstance(owner, str) else None


def _place(folder: str) -> str:
    """Return date, account and source of a folder, without the zone."""
    return folder.partition("/")[2]


def _folders_of_others(lake: Lake, zone: str, user_hash: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each folder of a source of another account, with its keys."""
    for partition in partitions(lake, zone):
        yield from sorted(_of_partition(lake, zone, partition, user_hash).items())


def _of_partition(lake: Lake, zone: str, partition: date, user_hash: str) -> dict[str, list[str]]:
    folders: defaultdict[str, list[str]] = defaultdict(list)
    for key in lake.keys(keys.users_prefix(zone, partition)):
        if f"/user={user_hash}/" not in key:
            folders[key.rpartition("/")[0]].append(key)
    return folders
