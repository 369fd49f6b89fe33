"""The code of the planted bugs: each function breaks one thing in the process that calls it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg

from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.lake import Lake, Manifest, keys
from spotify_pipeline.lake.list_reads import ListsSeen
from spotify_pipeline.lake.validation_summary import ValidationSummary
from spotify_pipeline.spotify import login, transport, user_tokens
from spotify_pipeline.spotify.client import SpotifyClient
from spotify_pipeline.stages import details, fetch, listening, load, publish, reconcile
from spotify_pipeline.stages import validate as validation
from spotify_pipeline.stages.load_inputs import LoadInputs
from spotify_pipeline.warehouse import crawl_state, lease, merge, merge_sql, plays, publication
from spotify_pipeline.warehouse import load as loading
from spotify_pipeline.warehouse.connection import connect
from tests.faults import switch
from tests.faults.environment import DAY


def patch(target: Any, name: str, value: Any) -> None:
    if not hasattr(target, name):  # else the bug would be planted in code that nothing calls
        raise AttributeError(f"{target} has no {name}")
    setattr(target, name, value)


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
    crawl = fetch.crawl

    def early(client: Any, source: Any, *, partition: Any, **more: Any) -> Any:
        manifest = Manifest(partition, source.name, source.kind.value, source.definition_sha256, True, ())
        more["keep"].__self__._lake.put(manifest.key, manifest.to_bytes())
        return crawl(client, source, partition=partition, **more)

    patch(fetch, "crawl", early)


def partial_says_complete() -> None:
    patch(fetch, "Manifest", lambda **fields: Manifest(**fields | {"complete": True}))


def key_without_query() -> None:
    request_hash = keys.request_hash
    patch(keys, "request_hash", lambda method, path, query: request_hash(method, path, {}))


def asks_again() -> None:
    patch(fetch.RawZone, "have", lambda zone, request: None)


def token_not_stored() -> None:
    patch(user_tokens.UserLogin, "_keep", lambda tokens, login: None)


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


class _Later:
    """A store that collects writes, so that they can be done later in the opposite order."""

    def __init__(self) -> None:
        self.writes: list[Callable[[Lake], None]] = []

    def put(self, key: str, data: Any, **more: Any) -> None:
        whole = data if isinstance(data, bytes) else _read(data)
        self.writes.append(lambda lake: lake.put(key, whole, **more))

    def delete(self, key: str) -> None:
        self.writes.append(lambda lake: lake.delete(key))


def _read(file: Any) -> bytes:
    file.seek(0)
    data: bytes = file.read()
    return data


def summary_first() -> None:
    store = validation._Validation.store

    def reversed_store(work: Any, lake: Lake, *more: Any, **options: Any) -> Any:
        later = _Later()
        summary = store(work, later, *more, **options)  # type: ignore[arg-type]
        for write in reversed(later.writes):
            write(lake)
        return summary

    patch(validation._Validation, "store", reversed_store)


def bad_record_dropped() -> None:
    patch(validation._Validation, "_refuse", lambda *_arguments, **_options: None)


def quarantine_swallowed() -> None:
    patch(loading, "record_quarantined", lambda conn, records: None)


def no_transaction() -> None:
    finish = merge.Merge.finish

    def eager(work: Any) -> Any:
        outcome = finish(work)
        work._conn.commit()
        return outcome

    patch(merge.Merge, "finish", eager)


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
    patch(publication, "_SWITCH", "SELECT ops.switch_without_rights()")


def publication_apart() -> None:
    switch_tables = publication._switch

    def alone(conn: psycopg.Connection) -> None:
        switch_tables(conn)
        conn.commit()

    patch(publication, "_switch", alone)


def catch_up_skipped() -> None:
    patch(switch, "catch_up", lambda runtime: None)


def build_unchecked() -> None:
    patch(publication, "_refuse_incomplete", lambda missing: None)


def last_one_wins() -> None:
    patch(merge_sql, "_wins", lambda group: "true")


def simplified_wins() -> None:
    wins = merge_sql._wins
    patch(merge_sql, "_wins", lambda group: wins(group) if group.name == merge_sql.LISTING else "true")


def seen_backwards() -> None:
    patch(
        merge_sql,
        "_SEEN_SET",
        "first_seen_on = least(stored.first_seen_on, excluded.first_seen_on),"
        " last_seen_on = excluded.last_seen_on",
    )


def rows_rewritten() -> None:
    merged = merge_sql._merge
    patch(
        merge_sql,
        "_merge",
        lambda spec, **more: merged(spec, **more).replace(" WHERE ((", " WHERE true OR (("),
    )


def queue_drawn_again() -> None:
    patch(details, "_stored_selection", lambda lake, partition: None)


def duplicates_forgotten() -> None:
    patch(merge, "loaded_counts", lambda observed, loaded: KindCounts(loaded=loaded))


def kind_forgotten() -> None:
    rows = reconcile._rows
    patch(
        reconcile,
        "_rows",
        lambda *arguments: (row for row in rows(*arguments) if row.record_kind != "track"),
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
