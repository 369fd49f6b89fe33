"""Checks the state after a fault and its retries: the same rows, the same objects, no locks or sessions left.

`capture` reads a whole warehouse and bucket, `differences` compares two of them and counts lost and wrong
rows, `at_rest` searches for remains of a crash. None of them uses the pipeline's own checksums, because an
error in these could hide a loss.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.lake import Lake
from spotify_pipeline.warehouse.connection import connect

# columns that say which run wrote a row, and when
BOOKKEEPING = re.compile(
    r"^(((next|tested)_)?load_seq|run_id|try_number|fence|holder|id|inputs_digest"
    r"|(loaded|recorded|checked|published|switched|started|finished|built|updated|acquired|replayed|resolved)_at)$"
)
# columns with times of the API's clock, which are equal only if that clock is stopped
CLOCK = re.compile(
    r"^(raw_key|observed_at|begun_at|noticed_at|refreshed_at|last_run_at|first_seen_at|last_seen_at|deadline"
    r"|(listing|playability|detail|label|popularity)_(observed_at|rank|raw_key))$"
)
# counters and reservations, which a repeated call changes
NO_RESULT = {"ops.alembic_version", "ops.api_calls", "ops.api_pace"}
# logs with a row for each attempt: what they say in all
LOGS = {
    "ops.load": "SELECT DISTINCT ON (partition, source) 'ops.load (last)',"
    " ROW(partition, source, complete)::text FROM ops.load ORDER BY partition, source, load_seq DESC",
    "ops.erasure": "SELECT DISTINCT 'ops.erasure', user_hash FROM ops.erasure",
    "ops.maintenance_run": "SELECT DISTINCT 'ops.maintenance_run', as_of::text FROM ops.maintenance_run",
    "ops.removal": "SELECT DISTINCT 'ops.removal', ROW(history_before, plays_before)::text FROM ops.removal",
}
_COMPOSED = ("raw/", "validated/", "quarantine/", "alerts/")
_RECEIPT = re.compile(r"^(erasures/[0-9a-f]{16})\b.*$")
_VOLATILE = {"calls", "manifest_sha256", "mark", "raised_on"}
_VOLATILE_CLOCK = {"observed_at", "begun_at", "resume_after", "stopped_by", "raw_key"}
# digests of files that contain times
_VOLATILE_SUMMARY = {"objects"}
REST_SECONDS = 15.0


@dataclass(frozen=True)
class Finding:
    """One error in the result; `oracle` names the check that found it, `lost` and `wrong` count rows."""

    oracle: str
    subject: str
    detail: str
    lost: int = 0
    wrong: int = 0

    def __str__(self) -> str:
        return f"{self.oracle}: {self.subject}: {self.detail}"


@dataclass(frozen=True)
class State:
    """The rows of each table as text, and the digest of each object."""

    tables: Mapping[str, Counter[str]]
    objects: Mapping[str, str] = field(default_factory=dict)


def capture(
    owner: ConnectionInfo,
    lake: Lake | None,
    *,
    exact: bool = False,
    schemas: Sequence[str] = ("staging", "ops"),
) -> State:
    """Read all results, the rows in one snapshot.

    `exact` includes the API's times, for runs in which its clock was stopped.
    """
    with connect(owner) as conn:
        tables = query_rows(conn, rows_query(conn, exact=exact, schemas=schemas))
    return State(tables, {} if lake is None else capture_objects(lake, listed(lake, ""), exact=exact))


def rows_query(
    conn: psycopg.Connection, *, exact: bool = False, schemas: Sequence[str] = ("staging", "ops")
) -> str:
    """Return a statement that reads every row of `schemas`.

    Of a time of this machine's clock it reads whether it is set, so that a record that was never resolved
    differs from a resolved one. Without `exact`, it reads only the date of a time of the API's clock.
    """
    conn.execute("SET timezone TO 'UTC'")
    columns: dict[str, list[str]] = {}
    for table, column, type_ in conn.execute(
        """
        SELECT format('%%I.%%I', n.nspname, c.relname), quote_ident(a.attname), format_type(a.atttypid, NULL)
        FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
            AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY 1, a.attname
        """,
        [list(schemas)],
    ):
        if table not in NO_RESULT and table not in LOGS:
            columns.setdefault(table, []).extend(_compared(column, type_, exact=exact))
    parts = [
        f"SELECT '{table}', ROW({', '.join(kept)})::text FROM {table}" for table, kept in columns.items()
    ]
    return " UNION ALL ".join([*parts, *(f"({log})" for log in LOGS.values() if "ops" in schemas)])


def _compared(column: str, type_: str, *, exact: bool) -> list[str]:
    """Return the expression by which a column is compared, or none."""
    is_time = type_ == "timestamp with time zone"
    if BOOKKEEPING.match(column):
        return [f"{column} IS NOT NULL"] if is_time else []
    if exact or not CLOCK.match(column):
        return [column]
    return [f"{column}::date" if is_time else f"{column} IS NOT NULL"]


def query_rows(conn: psycopg.Connection, statement: str) -> dict[str, Counter[str]]:
    """Run a `rows_query` and return its rows by table."""
    tables: dict[str, Counter[str]] = {}
    for table, row in conn.execute(statement.encode(), prepare=True):
        tables.setdefault(table, Counter())[row] += 1
    return tables


def capture_objects(lake: Lake, tags: Mapping[str, str], *, exact: bool = False) -> dict[str, str]:
    """Return the digest of each object; files that the pipeline composes are read without volatile fields."""
    found = {}
    for key, tag in tags.items():
        if re.search(r"^raw/.*/[a-z_]+-[0-9a-f]{32}\.json$", key):
            found[key] = tag  # a response, byte for byte
        elif receipt := _RECEIPT.match(key):
            found[receipt[1]] = "erased"  # each attempt writes one, with its time
        else:
            found[key] = _digest(key, tag, lake, exact) if key.startswith(_COMPOSED) else tag
    return found


def listed(lake: Lake, prefix: str) -> dict[str, str]:
    """Return keys and entity tags (MD5 of an object that was written in one part) below a prefix."""
    found = lake._client.list_objects(bucket_name=lake.bucket, prefix=prefix, recursive=True)
    return {item.object_name: str(item.etag).strip('"') for item in found if not item.is_dir}


_digests: dict[tuple[str, str, bool], str] = {}


def _digest(key: str, etag: str, lake: Lake, exact: bool) -> str:
    known = _digests.get((key, etag, exact))
    if known is None:
        drop = _VOLATILE if exact else _VOLATILE | _VOLATILE_CLOCK
        if not exact and key.endswith("/_summary.json"):
            drop = drop | _VOLATILE_SUMMARY
        data = lake.get(key).data
        lines = data.splitlines() if key.endswith(".ndjson") else [data]
        stripped = [
            orjson.dumps(_without(orjson.loads(line), drop), option=orjson.OPT_SORT_KEYS) for line in lines
        ]
        known = hashlib.sha256(b"\n".join(stripped if exact else sorted(stripped))).hexdigest()
        _digests[key, etag, exact] = known
    return known


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {name: _without(inner, names) for name, inner in value.items() if name not in names}
    return [_without(inner, names) for inner in value] if isinstance(value, list) else value


def differences(expected: State, actual: State) -> list[Finding]:
    """Return the differences: rows only in `expected` are lost, rows only in `actual` are wrong."""
    findings = []
    for table in sorted(expected.tables.keys() | actual.tables.keys()):
        wanted, found = expected.tables.get(table, Counter()), actual.tables.get(table, Counter())
        lost, wrong = wanted - found, found - wanted
        if lost or wrong:
            sample = next(iter(wrong or lost))
            text = f"{lost.total()} rows lost, {wrong.total()} wrong, such as {sample[:200]}"
            findings.append(Finding("rows", table, text, lost.total(), wrong.total()))
    for key in sorted(expected.objects.keys() | actual.objects.keys()):
        if expected.objects.get(key) != actual.objects.get(key):
            what = "is absent" if key not in actual.objects else "is not expected"
            what = "differs" if key in expected.objects.keys() & actual.objects.keys() else what
            findings.append(Finding("objects", key, what))
    return findings


def at_rest(owner: ConnectionInfo, lake: Lake | None, *, wait: float = REST_SECONDS) -> list[Finding]:
    """Return what a crash has left, after the server had up to `wait` seconds to notice it."""
    with connect(owner, autocommit=True) as conn:
        findings = warehouse_at_rest(conn, wait=wait)
    return findings + ([] if lake is None else half_manifests(lake, listed(lake, "raw/")))


def warehouse_at_rest(conn: psycopg.Connection, *, wait: float = REST_SECONDS) -> list[Finding]:
    """Return what a crash has left in the warehouse; `conn` must be in autocommit."""
    deadline = time.monotonic() + wait
    while findings := list(_left_behind(conn)):
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return findings + _unbalanced(conn)


def _left_behind(conn: psycopg.Connection) -> Iterator[Finding]:
    for kind, count in conn.execute(
        "SELECT locktype, count(*) FROM pg_locks WHERE locktype IN ('advisory', 'tuple')"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND pid <> pg_backend_pid() GROUP BY 1"
    ):
        yield Finding("locks", kind, f"{count} still held")
    for state, count in conn.execute(
        "SELECT state, count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND (state LIKE 'idle in transaction%' OR state = 'active')"
        " AND application_name LIKE 'spotify-pipeline%' GROUP BY 1"
    ):
        yield Finding("sessions", str(state), f"{count} sessions")
    for (name,) in conn.execute("SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'"):
        yield Finding("temporary tables", name, "was left behind")


def _unbalanced(conn: psycopg.Connection) -> list[Finding]:
    """Return counts that do not add up (promise 4)."""
    rows = conn.execute(
        "SELECT partition, source, record_kind, fetched, loaded + quarantined + duplicates + set_aside"
        " FROM ops.reconciliation WHERE fetched <> loaded + quarantined + duplicates + set_aside"
    ).fetchall()
    return [
        Finding("counts", f"{source} on {day}", f"{kind}: {fetched} fetched, {found} accounted for",
                lost=max(fetched - found, 0), wrong=max(found - fetched, 0))
        for day, source, kind, fetched, found in rows
    ]  # fmt: skip


def half_manifests(lake: Lake, etags: Mapping[str, str]) -> list[Finding]:
    """Return manifests whose objects are absent or altered, so that a partition is visible half-written."""
    findings = []
    for key in etags:
        if not key.endswith("/_manifest.json"):
            continue
        try:
            objects = [(item["key"], item["sha256"]) for item in orjson.loads(lake.get(key).data)["objects"]]
        except (ValueError, KeyError, TypeError) as error:
            findings.append(Finding("manifests", key, f"cannot be read: {error}"))
            continue
        for name, sha256 in objects:
            if name not in etags:
                findings.append(Finding("manifests", key, f"lists {name}, which is absent", lost=1))
            elif _sha256(lake, name, etags[name]) != sha256:
                findings.append(
                    Finding("manifests", key, f"lists another digest than that of {name}", wrong=1)
                )
    return findings


_sums: dict[tuple[str, str], str] = {}


def _sha256(lake: Lake, key: str, etag: str) -> str:
    if (key, etag) not in _sums:
        _sums[key, etag] = hashlib.sha256(lake.get(key).data).hexdigest()
    return _sums[key, etag]
