"""Retention: what has passed its age is removed from the lake and the warehouse.

Ages are counted in whole days from the date of the answers. Every part of it can end at any point and be run
again: the object that says that a thing is whole (a manifest, the counts of a validation) goes before what it
stands for, so a partition that lost a part of its raw does not look complete; it is not fetched again either,
since its date has passed. The next run removes what is left.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import psycopg
from psycopg.types.json import Jsonb

from spotify_pipeline.connections import WAREHOUSE_OWNER
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.lake import Lake, keys
from spotify_pipeline.lake.partitions import partitions
from spotify_pipeline.maintenance.objects import objects_of_user, remove_whole
from spotify_pipeline.settings import Settings
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse import landing, retention_sql
from spotify_pipeline.warehouse.connection import connect, naming_the_server
from spotify_pipeline.warehouse.migrate import require_current

log = logging.getLogger(__name__)


@dataclass
class Removal:
    """What was removed, or would be: objects by zone and rows by table; `kept` says what was not, and why."""

    as_of: date
    removed: Counter[str] = field(default_factory=Counter)
    kept: list[str] = field(default_factory=list)


def apply_retention(
    runtime: Runtime,
    as_of: date,
    *,
    dry_run: bool = False,
    report: Callable[[str], None] = log.info,
) -> Removal:
    """Remove all that is older than its setting allows on `as_of`; a dry run only counts.

    What is left of a user who was erased goes whatever its age. A partition that a load or a replay has
    touched within a day is left for the next time. Raw of a source that was never loaded is kept for twice
    the time, since nothing else holds what it says.

    Raises:
        ConfigurationError: `as_of` lies ahead of the clock.
        LakeUnavailable, WarehouseUnavailable: the store or the warehouse cannot be used.
        SchemaVersionError: the warehouse does not have this code's tables.
    """
    if as_of > datetime.now(UTC).date() + timedelta(days=1):
        raise ConfigurationError(
            f"ages cannot be counted from {as_of}, which lies ahead: give a date that has come"
        )
    removal = Removal(as_of)
    owner = runtime.lookup(WAREHOUSE_OWNER)
    with naming_the_server(owner), connect(owner, application_name="spotify-pipeline maintenance") as conn:
        require_current(conn)
        busy = {row[0] for row in conn.execute(retention_sql.BUSY_PARTITIONS)}
        loaded = set(conn.execute(retention_sql.LOADED).fetchall())
        erased = [row[0] for row in conn.execute(retention_sql.ERASED_USERS)]
    _remove_erased(runtime.lake, removal, erased, dry_run=dry_run)
    _remove_objects(runtime, removal, busy, loaded, dry_run=dry_run, report=report)
    with naming_the_server(owner), connect(owner, application_name="spotify-pipeline maintenance") as conn:
        for table, count in _remove_rows(conn, runtime.settings, as_of).items():
            removal.removed[table] += count
            if count:
                report(f"{table}: {count} rows")
        if dry_run:
            conn.rollback()
        else:
            conn.execute(retention_sql.RECORD_RUN, [as_of, Jsonb(dict(removal.removed))])
    return removal


def _remove_erased(lake: Lake, removal: Removal, erased: list[str], *, dry_run: bool) -> None:
    """Remove what a fetch wrote that was under way when its user was erased."""
    for user_hash in erased:
        for zone, stored in objects_of_user(lake, user_hash).items():
            removal.removed[f"{zone} objects"] += len(stored)
            if not dry_run:
                remove_whole(lake, zone, stored)


def _remove_objects(
    runtime: Runtime,
    removal: Removal,
    busy: set[date],
    loaded: set[tuple[date, str]],
    *,
    dry_run: bool,
    report: Callable[[str], None],
) -> None:
    """Remove what is past its age from each zone."""
    for zone, days in _zones(runtime.settings).items():
        for partition in partitions(runtime.lake, zone):
            if partition >= removal.as_of - timedelta(days=days):
                break
            if partition in busy:
                removal.kept.append(f"{zone} of {partition}: a load or a replay touched it within a day")
                continue
            unloaded: set[str] = set()
            if zone == keys.RAW and partition >= removal.as_of - timedelta(days=_at_most(runtime.settings)):
                stored = runtime.lake.keys(keys.partition_prefix(zone, partition))
                unloaded = {
                    s for key in stored if (s := keys.source_of(key)) and (partition, s) not in loaded
                }
            count = _empty(runtime.lake, zone, partition, unloaded, dry_run=dry_run)
            removal.removed[f"{zone} objects"] += count
            removal.kept += [
                f"raw of {source} on {partition}: it was never loaded" for source in sorted(unloaded)
            ]
            report(f"{zone} of {partition}: {count} objects")


def date_of_spotify(runtime: Runtime) -> date:
    """The date by the API's own clock, which partitions are named after; calls the token endpoint alone.

    Raises:
        TransientError, AuthenticationError, ConfigurationError: Spotify cannot be asked.
    """
    with runtime.spotify() as client:
        return client.api_now().astimezone(UTC).date()


def upkeep(runtime: Runtime) -> None:
    """Give the space of removed rows back to their tables, and tell the planner what is left.

    Rows that replays with Spark have landed and left behind, because they were killed, go first.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    owner = runtime.lookup(WAREHOUSE_OWNER)
    with naming_the_server(owner), connect(owner, autocommit=True) as conn:
        landing.remove_dead(conn)
        for (table,) in conn.execute(retention_sql.OWN_TABLES).fetchall():
            conn.execute(f"VACUUM (ANALYZE) {table}".encode())


def _zones(settings: Settings) -> dict[str, int]:
    return {
        keys.RAW: settings.retain_raw_days,
        keys.VALIDATED: settings.retain_validated_days,
        keys.QUARANTINE: settings.retain_quarantine_days,
        keys.REPORTS: settings.retain_report_days,
    }


def _at_most(settings: Settings) -> int:
    """Days after which raw goes, loaded or not: a replay must not bring back what is past its own age."""
    return min(2 * settings.retain_raw_days, settings.retain_history_days, settings.retain_play_days)


def _empty(lake: Lake, zone: str, partition: date, spared: set[str], *, dry_run: bool) -> int:
    stored = lake.keys(keys.partition_prefix(zone, partition))
    doomed = [key for key in stored if keys.source_of(key) not in spared]
    if not dry_run:
        remove_whole(lake, zone, doomed)
    return len(doomed)


def _remove_rows(conn: psycopg.Connection, settings: Settings, as_of: date) -> dict[str, int]:
    """Delete in the transaction that `conn` is in; give the counts by table."""
    days = {
        "history": settings.retain_history_days,
        "plays": settings.retain_play_days,
        "quarantine": settings.retain_quarantine_days,
        "log": settings.retain_log_days,
    }
    cutoffs = {name: as_of - timedelta(days=age) for name, age in days.items()}
    return {
        table: conn.execute(statement, cutoffs).rowcount for table, statement in retention_sql.DELETE.items()
    }
