"""The code of the planted bugs: each function breaks one thing in the process that calls it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg

from spotify_pipeline.contract import Found
from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.errors import BuildIncomplete
from spotify_pipeline.lake import Lake, Manifest, keys
from spotify_pipeline.lake.list_reads import ListsSeen
from spotify_pipeline.lake.validation_summary import ValidationSummary
from spotify_pipeline.spotify import login, transport
from spotify_pipeline.spotify.client import SpotifyClient
from spotify_pipeline.stages import fetch, listening, load, publish, reconcile
from spotify_pipeline.stages import validate as validation
from spotify_pipeline.stages.load_inputs import LoadInputs
from spotify_pipeline.warehouse import crawl_state, lease, merge, plays, publication
from spotify_pipeline.warehouse import load as loading
from spotify_pipeline.warehouse.connection import connect
from tests.faults import switch
from tests.faults.environment import DAY
from tests.faults.seams import commit_around, patch, substitute_sql

_SWITCH = r"ops\.switch_marts\(\)"
# parts of the upsert (`warehouse/merge_sql.py`), and what a bug has instead
NEWER_WINS = (r"\(excluded\.[^()]*\) > \(stored\.[^()]*\)", "true")
DETAIL_STAYS = (r"excluded\.(\w+) IS NOT NULL AND \(stored\.\1 IS NULL", r"true OR (stored.\1 IS NULL")
SEEN_FORWARDS = (r"greatest\(stored\.last_seen_on, excluded\.last_seen_on\)", "excluded.last_seen_on")
DIFFERENT_ROWS = (r" WHERE \(\(", " WHERE true OR ((")


def fence_dropped() -> None:
    patch(loading.leases, "check", lambda conn, held: None)


def fence_shared() -> None:
    acquire = lease.acquire

    def shared(info: Any, step: str, partition: Any, source: str, holder: str) -> Any:
        with connect(info) as conn:
            row = conn.execute(
                "SELECT fence FROM ops.step_lease WHERE (step, partition, source) = (%s, %s, %s)",
                [step, partition, source],
            ).fetchone()
        return (
            lease.Lease(step, partition, source, row[0], holder)
            if row
            else acquire(info, step, partition, source, holder)
        )

    patch(lease, "acquire", shared)


def manifest_first() -> None:
    crawl, fetch_into_raw = fetch.crawl, fetch.fetch_into_raw
    lakes: list[Lake] = []

    def noting(lake: Lake, *arguments: Any, **more: Any) -> Any:
        lakes.append(lake)
        return fetch_into_raw(lake, *arguments, **more)

    def early(client: Any, source: Any, *, partition: Any, **more: Any) -> Any:
        manifest = Manifest(partition, source.name, source.kind.value, source.definition_sha256, True, ())
        lakes[-1].put(manifest.key, manifest.to_bytes())
        return crawl(client, source, partition=partition, **more)

    patch(fetch, "fetch_into_raw", noting)
    patch(fetch, "crawl", early)


def partial_says_complete() -> None:
    patch(fetch, "Manifest", lambda **fields: Manifest(**fields | {"complete": True}))


def key_without_query() -> None:
    request_hash = keys.request_hash
    patch(keys, "request_hash", lambda method, path, query: request_hash(method, path, {}))


def asks_again() -> None:
    patch(fetch.RawZone, "have", lambda zone, request: None)


def token_not_stored() -> None:
    patch(login.Login, "refreshed", lambda known, *_arguments: known)


def loss_not_noted() -> None:
    patch(login.Login, "begun", lambda known, now: known)


def bytes_not_kept() -> None:
    keep = fetch.RawZone.keep

    def rewritten(zone: Any, request: Any, response: Any) -> None:
        keep(
            zone, request, replace(response, body=orjson.dumps(response.document, option=orjson.OPT_INDENT_2))
        )

    patch(fetch.RawZone, "keep", rewritten)


def local_clock() -> None:
    patch(transport, "observed_at", lambda headers: datetime.now(UTC).replace(microsecond=0))


def summary_first() -> None:
    put, delete = Lake.put, Lake.delete
    later: list[Callable[[], None]] = []

    def late_put(lake: Lake, key: str, data: Any, **more: Any) -> None:
        whole = data if isinstance(data, bytes) else _read(data)
        later.append(lambda: put(lake, key, whole, **more))
        if key.endswith(keys.SUMMARY_NAME):
            for write in reversed(later):
                write()

    patch(Lake, "put", late_put)
    patch(Lake, "delete", lambda lake, key: later.append(lambda: delete(lake, key)))


def _read(file: Any) -> bytes:
    file.seek(0)
    data: bytes = file.read()
    return data


def bad_record_dropped() -> None:
    found, validate = validation.find_records, validation.validate

    def valid(*arguments: Any, **options: Any) -> Iterator[Any]:
        for item in found(*arguments, **options):
            if not isinstance(item, Found) or validate(item.kind, item.record).valid:
                yield item

    patch(validation, "find_records", valid)


def quarantine_swallowed() -> None:
    patch(loading, "record_quarantined", lambda conn, records: None)


def no_transaction() -> None:
    commit_around(r"^\s*INSERT INTO ops\.load\b", before=True)


def commit_believed() -> None:
    commit = psycopg.Connection.commit

    def hopeful(conn: psycopg.Connection) -> None:
        try:
            commit(conn)
        except psycopg.OperationalError:
            return

    patch(psycopg.Connection, "commit", hopeful)


def crawl_state_first() -> None:
    read = load.read_inputs
    acquire = lease.acquire
    inputs: list[LoadInputs] = []

    def noting(*arguments: Any) -> Any:
        inputs.append(read(*arguments))
        return inputs[-1]

    def eager(info: Any, *arguments: Any) -> Any:
        held = acquire(info, *arguments)
        with connect(info) as conn:
            crawl_state.record_complete_albums(conn, "band", inputs[-1].albums, refresh_days=28)
        return held

    patch(load, "read_inputs", noting)
    patch(lease, "acquire", eager)


def number_without_lock() -> None:
    # each process holds a lock of its own
    patch(merge, "LOAD_LOCK", os.getpid())


def watermark_too_high() -> None:
    def drawn(conn: psycopg.Connection) -> int:
        row = conn.execute("SELECT nextval('ops.load_seq_seq') - 1").fetchone()
        return int(row[0]) if row else 0

    patch(publish, "highest_load_seq", drawn)


def rights_not_moved() -> None:
    substitute_sql(_SWITCH, "ops.switch_without_rights()")


def publication_apart() -> None:
    commit_around(_SWITCH, before=False)


def catch_up_skipped() -> None:
    patch(switch, "catch_up", lambda runtime: None)


def build_unchecked() -> None:
    refusing = publication.publish

    def unchecked(conn: Any, partition: Any, run_id: str, load_seq: int, build: Any, **more: Any) -> Any:
        try:
            return refusing(conn, partition, run_id, load_seq, build, **more)
        except BuildIncomplete:
            return refusing(conn, partition, run_id, load_seq, replace(build, tables=frozenset()), **more)

    patch(publication, "publish", unchecked)


def last_one_wins() -> None:
    substitute_sql(*NEWER_WINS)


def simplified_wins() -> None:
    substitute_sql(*DETAIL_STAYS)


def seen_backwards() -> None:
    substitute_sql(*SEEN_FORWARDS)


def rows_rewritten() -> None:
    substitute_sql(*DIFFERENT_ROWS, within=r"ON CONFLICT")


def queue_drawn_again() -> None:
    find = Lake.find
    patch(Lake, "find", lambda lake, key: None if key.endswith(keys.SELECTION_NAME) else find(lake, key))


def duplicates_forgotten() -> None:
    patch(merge, "loaded_counts", lambda observed, loaded: KindCounts(loaded=loaded))


def kind_forgotten() -> None:
    record = reconcile.record_reconciliation
    patch(
        reconcile,
        "record_reconciliation",
        lambda conn, rows: record(conn, (row for row in rows if row.record_kind != "track")),
    )


def cursor_ahead() -> None:
    fetched = listening.fetch_source

    def eager(runtime: Any, clients: Any, *arguments: Any, **more: Any) -> Any:
        outcome = fetched(runtime, clients, *arguments, **more)
        with connect(runtime.ingest) as conn:
            plays.advance_cursor(conn, runtime.user(), 1_800_000_000_000, clients.user().api_now())
        return outcome

    patch(listening, "fetch_source", eager)


def absent_means_left() -> None:
    reads = ListsSeen.reads
    patch(ListsSeen, "reads", lambda seen: [replace(read, complete=True) for read in reads(seen)])


def share_unchecked() -> None:
    patch(ValidationSummary, "quarantined_share", property(lambda summary: 0.0))


def past_faked() -> None:
    today = datetime(DAY.year, DAY.month, DAY.day, 6, tzinfo=UTC)
    patch(SpotifyClient, "api_now", lambda client: today)
