"""The code of planted bugs in operations, recoveries and errors; see `plants`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from spotify_pipeline.alerts import dispatch
from spotify_pipeline.errors import ConfigurationError, SchemaVersionError, TransientError
from spotify_pipeline.lake import keys, validated
from spotify_pipeline.maintenance import erase, retention
from spotify_pipeline.maintenance.inventory import Zone
from spotify_pipeline.stages import dbt_docs, fetch, load, reconcile, replay
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.warehouse import connection, lease, migrate, revisions
from spotify_pipeline.warehouse import load as loading
from tests.faults.seams import patch


def resolved_at_once() -> None:
    record = loading.record_quarantined

    def resolved(conn: psycopg.Connection, records: Any) -> None:
        record(conn, records)
        conn.execute("UPDATE ops.quarantined_record SET resolved_at = clock_timestamp()")

    patch(loading, "record_quarantined", resolved)


def never_resolved() -> None:
    patch(loading, "resolve_quarantined", lambda *_arguments: None)


def begun_albums_forgotten() -> None:
    patch(load, "record_begun_albums", lambda *_arguments: None)


def erased_let_in() -> None:
    for name in ("refuse_data_of_erased", "refuse_playlists_of_erased"):
        patch(load, name, lambda *_arguments: None)


def outage_drops_source() -> None:
    fetch_into_raw = fetch.fetch_into_raw
    patch(fetch, "fetch_into_raw", lambda *a, **more: fetch_into_raw(*a, **more | {"tries_left": True}))


def replay_over_ingest() -> None:
    patch(lease, "check_untouched", lambda *_arguments: None)


def counts_not_written() -> None:
    patch(reconcile, "record_reconciliation", lambda *_arguments: None)


def objects_before_manifest() -> None:
    def reversed_order(lake: Any, zone: str, to_remove: list[str]) -> None:
        lake.delete_all([key for key in to_remove if not key.endswith(keys.MANIFEST_NAME)])
        lake.delete_all([key for key in to_remove if key.endswith(keys.MANIFEST_NAME)])

    patch(retention, "remove_objects", reversed_order)


def a_day_too_many() -> None:
    days = Zone.days
    patch(Zone, "days", lambda zone, settings: None if (kept := days(zone, settings)) is None else kept - 1)


def zone_forgotten() -> None:
    found = erase.objects_of_user

    def incomplete(*arguments: Any) -> dict[str, list[str]]:
        return found(*arguments) | {keys.VALIDATED: []}

    patch(erase, "objects_of_user", incomplete)


def no_receipt_in_the_lake() -> None:
    patch(erase, "write_receipt", lambda *_arguments: None)


def rows_not_erased() -> None:
    rows = erase.erase_rows

    def undone(conn: psycopg.Connection, *arguments: Any, **more: Any) -> Any:
        removed = rows(conn, *arguments, **more)
        conn.rollback()
        return removed

    patch(erase, "erase_rows", undone)


def receipts_not_applied() -> None:
    patch(erase, "read_receipts", lambda lake: [])


def erased_objects_stay() -> None:
    patch(retention, "erased_users", lambda conn: [])


def docs_with_times() -> None:
    documentation = dbt_docs.documentation

    def of_the_run(target: Path) -> dict[str, bytes]:
        return documentation(target) | {"manifest.json": (target / "manifest.json").read_bytes()}

    patch(dbt_docs, "documentation", of_the_run)


def alert_each_time() -> None:
    deliver_once = dispatch.deliver_once

    def forgetful(conn: Any, alert: Any, deliver: Callable[[Sequence[str]], Sequence[str]]) -> None:
        deliver_once(conn, alert, lambda _had: deliver(()))

    patch(dispatch, "deliver_once", forgetful)


def alert_noted_first() -> None:
    deliver_once = dispatch.deliver_once

    def early(conn: Any, alert: Any, deliver: Callable[[Sequence[str]], Sequence[str]]) -> None:
        had: list[str] = []

        def note(before: Sequence[str]) -> Sequence[str]:
            had.extend(before)
            return [] if before else ["file"]

        deliver_once(conn, alert, note)
        conn.commit()
        deliver(had)

    patch(dispatch, "deliver_once", early)


def half_a_migration() -> None:
    upgrade = migrate.command.upgrade

    def in_parts(config: Any, revision: str) -> None:
        upgrade(config, "r0003")
        conn: sa.Connection = config.attributes["connection"]
        conn.connection.commit()
        upgrade(config, revision)

    patch(migrate.command, "upgrade", in_parts)


def _final(text: str) -> Callable[[BaseException], BaseException]:
    """Return a function that makes a transient error with this text a final one."""

    def change(error: BaseException) -> BaseException:
        if isinstance(error, TransientError) and text in str(error):
            return ConfigurationError(str(error))
        return error

    return change


def _translated(change: Callable[[BaseException], BaseException]) -> None:
    errors = connection.warehouse_errors

    class Changed:
        def __init__(self, info: Any) -> None:
            self._inner = errors(info)

        def __enter__(self) -> None:
            self._inner.__enter__()

        def __exit__(self, kind: Any, error: Any, trace: Any) -> bool | None:
            try:
                return self._inner.__exit__(kind, error, trace)
            except Exception as raised:
                raise change(raised) from None

    patch(connection, "warehouse_errors", Changed)


def full_server_is_final() -> None:
    _translated(_final("too many connections"))


def deadlock_is_final() -> None:
    _translated(_final("deadlock detected"))


def full_disk_is_final() -> None:
    class Final(ConfigurationError):
        @classmethod
        def of(cls, what: str, error: OSError) -> Final:
            return cls(f"{what}: {error}")

    patch(validated, "DiskFull", Final)


def rollout_is_final() -> None:
    patch(revisions, "WarehouseNewer", SchemaVersionError)


def commit_not_awaited() -> None:
    connect = psycopg.connect

    def hasty(*arguments: Any, **options: Any) -> Any:
        options["options"] = f"{options.get('options', '')} -c synchronous_commit=off"
        return connect(*arguments, **options)

    patch(psycopg, "connect", hasty)


def replay_trusts_the_lake() -> None:
    # the objects of a validation exist, so the source counts as loaded
    patch(replay, "load_source", lambda runtime, partition, source, **more: SourceState(source))
