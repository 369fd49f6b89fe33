"""Keys of all objects in the store. A partition is an observation date, `YYYY-MM-DD` in UTC."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from urllib.parse import urlencode

from spotify_pipeline.errors import ConfigurationError

RAW, VALIDATED, QUARANTINE, REPORTS = "raw", "validated", "quarantine", "reports"
# marks of alerts that were sent while the warehouse was down
ALERTS = "alerts"
ALERTS_WITHOUT_DATE = "any"
DOCS, DOCS_PAGE = "docs", "index.html"
# receipts of erasures, kept outside the warehouse for its restore
ERASURES = "erasures"
MANIFEST_NAME = "_manifest.json"
SUMMARY_NAME = "_summary.json"
SELECTION_NAME = "_selection.json"
# sources that the pipeline adds itself start with an underscore; those in sources.yml cannot
_SOURCE_NAME = re.compile(r"_?[a-z0-9][a-z0-9_-]{0,62}")
_USER_HASH = re.compile(r"[0-9a-f]{16}")
_KIND = re.compile(r"[a-z][a-z_]{0,30}")
_PUBLIC_RAW = re.compile(
    rf"raw/ingest_date=(\d{{4}}-\d{{2}}-\d{{2}})/source=({_SOURCE_NAME.pattern})/"
    rf"({_KIND.pattern}-[0-9a-f]{{32}}\.json|_manifest\.json|_selection\.json)"
)


def parse_partition(text: str | None) -> date:
    """Read a partition key.

    Raises:
        ConfigurationError: it is not a date of the form YYYY-MM-DD.
    """
    if text is not None and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass  # no such day: the error below says so
    raise ConfigurationError(
        f"partition key {text!r} is not a date: trigger the run with a key such as 2026-11-22"
    )


def parse_instant(text: str) -> datetime:
    """Parse an instant of the pipeline's own metadata.

    Raises:
        ValueError: it is not an instant, or has no time zone.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return instant


def partition_prefix(zone: str, partition: date) -> str:
    """Return the prefix of one zone and partition, for example `raw/ingest_date=2026-11-22/`."""
    return f"{zone}/ingest_date={partition.isoformat()}/"


def partition_of_folder(name: str) -> date | None:
    """Return the date of a folder `ingest_date=YYYY-MM-DD`, or None for another folder."""
    found = re.fullmatch(r"ingest_date=(\d{4}-\d{2}-\d{2})", name)
    try:
        return date.fromisoformat(found.group(1)) if found else None
    except ValueError:
        return None


def partition_of_public_raw(key: str) -> date | None:
    """Return the partition of a raw object that belongs to no user; None for any other key.

    The key must have exactly the form that the pipeline writes: stores read `//`, a backslash and `..` in
    different ways, so a key of another form could name an object elsewhere.
    """
    found = _PUBLIC_RAW.fullmatch(key)
    return partition_of_folder(f"ingest_date={found.group(1)}") if found else None


def users_prefix(zone: str, partition: date) -> str:
    """Return the prefix of the objects of one zone and partition that come from users' accounts."""
    return f"{partition_prefix(zone, partition)}user="


def user_hashes(names: Iterable[str]) -> list[str]:
    """Return the names that are hashes of users."""
    return [name for name in names if _USER_HASH.fullmatch(name)]


def sources_of_folders(names: Iterable[str]) -> list[str]:
    """Return the sources of the names that are folders `source=NAME`."""
    found = (name.removeprefix("source=") for name in names if name.startswith("source="))
    return [source for source in found if _SOURCE_NAME.fullmatch(source)]


def source_prefix(zone: str, partition: date, source: str, user: str | None = None) -> str:
    """Return the prefix of one zone, partition and source; for a user's account, below `user=HASH`.

    Raises:
        ConfigurationError: the name or the hash could leave its folder.
    """
    if not _SOURCE_NAME.fullmatch(source):
        raise ConfigurationError(f"source name {source!r} cannot be part of an object key")
    if user is None:
        return f"{partition_prefix(zone, partition)}source={source}/"
    if not _USER_HASH.fullmatch(user):
        raise ConfigurationError("user_hash of a user's connection is not 16 hexadecimal digits")
    return f"{users_prefix(zone, partition)}{user}/source={source}/"


def source_of(key: str) -> str | None:
    """Return the name of the source that a key belongs to."""
    found = re.search(r"/source=([^/]+)/", key)
    return found.group(1) if found else None


def request_hash(method: str, path: str, query: Mapping[str, str]) -> str:
    """Return the hash that identifies a request: 32 hex digits over method, path and sorted query."""
    text = f"{method.upper()} {path}?{urlencode(sorted(query.items()))}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def raw_key(
    partition: date,
    source: str,
    kind: str,
    *,
    method: str,
    path: str,
    query: Mapping[str, str],
    user: str | None = None,
) -> str:
    """Return the key of one response: `raw/ingest_date=D/[user=HASH/]source=NAME/KIND-HASH.json`."""
    if not _KIND.fullmatch(kind):
        raise ConfigurationError(f"request kind {kind!r} cannot be part of an object key")
    return f"{source_prefix(RAW, partition, source, user)}{kind}-{request_hash(method, path, query)}.json"


def manifest_key(partition: date, source: str, user: str | None = None) -> str:
    """Return the key of a source's manifest; the source's partition exists when this object does."""
    return source_prefix(RAW, partition, source, user) + MANIFEST_NAME


def selection_key(partition: date, source: str) -> str:
    """Return the key of the ids that a source took from a queue; every attempt requests these ids."""
    return source_prefix(RAW, partition, source) + SELECTION_NAME


def complete_albums_key(partition: date, source: str, user: str | None = None) -> str:
    """Return the key of the albums that a source has read completely, NDJSON."""
    return source_prefix(VALIDATED, partition, source, user) + "_complete_albums.ndjson"


def begun_albums_key(partition: date, source: str, user: str | None = None) -> str:
    """Return the key of the albums that a source has read in part, NDJSON."""
    return source_prefix(VALIDATED, partition, source, user) + "_begun_albums.ndjson"


def lists_key(partition: date, source: str, user: str | None = None) -> str:
    """Return the key of the lists that a source has read, NDJSON."""
    return source_prefix(VALIDATED, partition, source, user) + "_lists.ndjson"


def validated_key(partition: date, source: str, record_kind: str, user: str | None = None) -> str:
    """Return the key of the accepted records of one kind, NDJSON."""
    return f"{source_prefix(VALIDATED, partition, source, user)}{record_kind}s.ndjson"


def summary_key(partition: date, source: str, user: str | None = None) -> str:
    """Return the key of a validation's summary, which is written after all its other objects."""
    return source_prefix(VALIDATED, partition, source, user) + SUMMARY_NAME


def quarantine_key(partition: date, source: str, user: str | None = None) -> str:
    """Return the key of the quarantined records, NDJSON."""
    return source_prefix(QUARANTINE, partition, source, user) + "records.ndjson"


def report_key(partition: date) -> str:
    """Return the key of the report page."""
    return partition_prefix(REPORTS, partition) + "report.html"


def erasure_key(user_hash: str, erased_at: datetime) -> str:
    """Return the key of the receipt of an erasure."""
    return f"{ERASURES}/{user_hash}-{erased_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}.json"


def docs_key(name: str = DOCS_PAGE) -> str:
    """Return the key of a file of dbt's documentation; it has no partition, as only the newest is kept."""
    return f"{DOCS}/dbt/{name}"
