"""Removes objects and rows that are older than the settings allow.

Ages are whole days, counted from the observation date. Each step can stop at any point and be run again: a
manifest or summary is removed before the objects that it lists, so that a partition that lost a part of its
raw does not look complete. It is not fetched again either, since its date has passed. The next run removes
the rest.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from spotify_pipeline.connections import WAREHOUSE_OWNER
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.lake import Lake, keys
from spotify_pipeline.lake.partitions import partitions
from spotify_pipeline.maintenance.inventory import PARTITIONED
from spotify_pipeline.maintenance.objects import objects_of_user, remove_objects
from spotify_pipeline.settings import Settings
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse import landing
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.erasures import erased_users
from spotify_pipeline.warehouse.load_log import loaded_sources
from spotify_pipeline.warehouse.retention import Cutoffs, busy_partitions, delete_old_rows, record_run, vacuum
from spotify_pipeline.warehouse.revisions import require_current

log = logging.getLogger(__name__)


@dataclass
class Removal:
    """Numbers of removed objects by zone and rows by table; `kept` has messages about objects that stayed."""

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
    """Remove all objects and rows that are older on `as_of` than the settings allow.

    Objects of erased users are removed at any age. A partition in which a load or replay started within the
    last day is left for the next run. Raw of a source that was never loaded is kept twice as long, since its
    content is stored nowhere else.

    Args:
        runtime: settings and connections.
        as_of: date from which ages are counted.
        dry_run: only count.
        report: takes each line of progress.

    Raises:
        ConfigurationError: `as_of` is in the future.
        LakeUnavailable, WarehouseUnavailable: the store or the warehouse cannot be used.
        SchemaVersionError: the warehouse does not have this code's tables.
    """
    if as_of > datetime.now(UTC).date() + timedelta(days=1):
        raise ConfigurationError(
            f"ages cannot be counted from {as_of}, which is in the future: give a past date"
        )
    removal = Removal(as_of)
    owner = runtime.lookup(WAREHOUSE_OWNER)
    with connect(owner, application_name="spotify-pipeline maintenance") as conn:
        require_current(conn)
        busy, loaded, erased = busy_partitions(conn), loaded_sources(conn), erased_users(conn)
    _remove_erased(runtime.lake, removal, erased, dry_run=dry_run)
    _remove_objects(runtime, removal, busy, loaded, dry_run=dry_run, report=report)
    _remove_alerts(runtime, removal, dry_run=dry_run)
    with connect(owner, application_name="spotify-pipeline maintenance") as conn:
        for table, count in delete_old_rows(conn, _cutoffs(runtime.settings, as_of)).items():
            removal.removed[table] += count
            if count:
                report(f"{table}: {count} rows")
        if dry_run:
            conn.rollback()
        else:
            record_run(conn, as_of, removal.removed)
    return removal


def _remove_erased(lake: Lake, removal: Removal, erased: list[str], *, dry_run: bool) -> None:
    """Remove objects of erased users, which a fetch can have written during the erasure."""
    for user_hash in erased:
        for zone, stored in objects_of_user(lake, user_hash).items():
            removal.removed[f"{zone} objects"] += len(stored)
            if not dry_run:
                remove_objects(lake, zone, stored)


def _remove_objects(
    runtime: Runtime,
    removal: Removal,
    busy: set[date],
    loaded: set[tuple[date, str]],
    *,
    dry_run: bool,
    report: Callable[[str], None],
) -> None:
    """Remove old objects from each zone."""
    for zone, limit in _limits(runtime.settings, removal.as_of).items():
        for partition in partitions(runtime.lake, zone):
            if partition >= limit:
                break
            if partition in busy:
                removal.kept.append(f"{zone} of {partition}: a load or a replay touched it within a day")
                continue
            unloaded: set[str] = set()
            raw_limit = removal.as_of - timedelta(days=_longest_raw_days(runtime.settings))
            if zone == keys.RAW and partition >= raw_limit:
                stored = runtime.lake.keys(keys.partition_prefix(zone, partition))
                unloaded = {
                    s for key in stored if (s := keys.source_of(key)) and (partition, s) not in loaded
                }
            count = _remove_partition(runtime.lake, zone, partition, unloaded, dry_run=dry_run)
            removal.removed[f"{zone} objects"] += count
            removal.kept += [
                f"raw of {source} on {partition}: it was never loaded" for source in sorted(unloaded)
            ]
            report(f"{zone} of {partition}: {count} objects")


def _remove_alerts(runtime: Runtime, removal: Removal, *, dry_run: bool) -> None:
    """Remove the marks of old alerts; a mark without a date in its key contains the date."""
    limit = removal.as_of - timedelta(days=runtime.settings.retain_log_days)
    to_remove = [
        key
        for key in runtime.lake.keys(f"{keys.ALERTS}/")
        if (_date_of_alert(runtime.lake, key) or limit) < limit
    ]
    removal.removed[f"{keys.ALERTS} objects"] += len(to_remove)
    if not dry_run:
        remove_objects(runtime.lake, keys.ALERTS, to_remove)


def _date_of_alert(lake: Lake, key: str) -> date | None:
    folder = key.split("/")[1]
    try:
        if folder != keys.ALERTS_WITHOUT_DATE:
            return date.fromisoformat(folder)
        return date.fromisoformat(json.loads(lake.get(key).data)["raised_on"])
    except (ValueError, KeyError, TypeError):
        return None  # an object of another program, or of an earlier release: it stays


def date_of_spotify(runtime: Runtime) -> date:
    """Return the date of the API's clock, as in the names of partitions.

    Only the token endpoint is called.

    Raises:
        TransientError, AuthenticationError, ConfigurationError: Spotify cannot be called.
    """
    with runtime.spotify() as client:
        return client.api_now().astimezone(UTC).date()


def upkeep(runtime: Runtime) -> None:
    """Delete dead landing batches, then vacuum and analyze the tables of the warehouse.

    A batch is dead after its replay with Spark was killed.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    owner = runtime.lookup(WAREHOUSE_OWNER)
    # a VACUUM of a large table takes longer than the statement time-out
    with connect(owner, autocommit=True, statement_timeout=0) as conn:
        landing.remove_dead_batches(conn)
        vacuum(conn)


def _limits(settings: Settings, as_of: date) -> dict[str, date]:
    """Return the oldest date to keep, by zone with partitions."""
    limits = {}
    for zone in PARTITIONED:
        days = zone.days(settings)
        if days is not None:
            limits[zone.name] = as_of - timedelta(days=days)
    return limits


def _longest_raw_days(settings: Settings) -> int:
    """Return the days after which even unloaded raw is removed, so that no replay restores deleted rows."""
    return min(2 * settings.retain_raw_days, settings.retain_history_days, settings.retain_play_days)


def _remove_partition(
    lake: Lake, zone: str, partition: date, kept_sources: set[str], *, dry_run: bool
) -> int:
    stored = lake.keys(keys.partition_prefix(zone, partition))
    to_remove = [key for key in stored if keys.source_of(key) not in kept_sources]
    if not dry_run:
        remove_objects(lake, zone, to_remove)
    return len(to_remove)


def _cutoffs(settings: Settings, as_of: date) -> Cutoffs:
    def before(days: int) -> date:
        return as_of - timedelta(days=days)

    return Cutoffs(
        history=before(settings.retain_history_days),
        plays=before(settings.retain_play_days),
        quarantine=before(settings.retain_quarantine_days),
        log=before(settings.retain_log_days),
        loads=before(max(settings.retain_log_days, settings.retain_raw_days)),
    )
