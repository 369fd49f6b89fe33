"""Plans a partition: groups its sources, and decides whether they are fetched or read from stored raw."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date

from spotify_pipeline.errors import ConfigurationError, PastPartition, PipelineError, UserErased
from spotify_pipeline.lake import Lake
from spotify_pipeline.lake.manifest import sha256
from spotify_pipeline.lake.partitions import stored_manifests, stored_sources
from spotify_pipeline.sources import check_readable, group_sources, load_sources
from spotify_pipeline.sources.model import Source, SourceKind
from spotify_pipeline.spotify.client import app_class_of
from spotify_pipeline.spotify.login import Login
from spotify_pipeline.stages.details import DETAILS
from spotify_pipeline.stages.fetch import is_finished
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.stages.users import note_user
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.planned_sources import PlannedSource, record_sources

log = logging.getLogger(__name__)
_LABEL_LENGTH = 120


@dataclass(frozen=True)
class SourceGroup:
    """Whole sources that one mapped task group handles."""

    sources: tuple[str, ...]

    @property
    def label(self) -> str:
        """Name of the task group in Airflow's grid."""
        text = ", ".join(self.sources)
        return text if len(text) <= _LABEL_LENGTH else f"{text[: _LABEL_LENGTH - 1]}…"


@dataclass(frozen=True)
class Plan:
    """Groups of a partition; if `fetch` is false, only stored raw is used."""

    partition: date
    groups: tuple[SourceGroup, ...]
    fetch: bool


def plan(runtime: Runtime, partition: date) -> Plan:
    """Group the sources of a partition; only Spotify's token endpoint is called.

    A partition is fetched only while its date is the API's own. For another date, the plan contains the
    sources that have raw, including those that are no longer in sources.yml.

    Raises:
        PastPartition: the date is not the API's, and no raw of it exists.
        SourcesFileError: sources.yml cannot be used.
        PermissionDenied: a source cannot be read by this app or login.
        AuthenticationError, ConfigurationError, TransientError: Spotify or the store cannot be used.
    """
    sources = load_sources(runtime.settings.sources)
    lake = runtime.lake
    manifests = stored_manifests(lake, partition, [source.name for source in sources])
    unfinished = [source for source in sources if not is_finished(manifests.get(source.name), source)]
    if unfinished:
        with runtime.spotify() as client:
            today = client.api_now().astimezone(UTC).date()
        if today != partition:
            return _from_raw(lake, partition, today, runtime.settings.fetch_tasks)
    app_class = app_class_of(runtime.api)
    logins = _logins(runtime, sources)
    known = [source for source in sources if not source.kind.needs_login or source.user in logins]
    check_readable(
        known, app_class, lambda name: None if (login := logins.get(name)) is None else login.scopes
    )
    groups = group_sources(sources, runtime.settings.fetch_tasks, app_class)
    log.info(
        "%s: %d sources, %d to fetch, in %d groups", partition, len(sources), len(unfinished), len(groups)
    )
    return Plan(partition, tuple(SourceGroup(tuple(s.name for s in group)) for group in groups), fetch=True)


def _from_raw(lake: Lake, partition: date, today: date, fetch_tasks: int) -> Plan:
    stored = stored_sources(lake, partition)
    if not stored:
        raise PastPartition(
            f"partition {partition} is not Spotify's date ({today}) and no raw object of it exists: Spotify "
            "keeps no history, so there is nothing to fetch; trigger the run with its own date as key"
        )
    log.info("%s is not Spotify's date (%s): using the raw of %d sources", partition, today, len(stored))
    groups = [stored[start::fetch_tasks] for start in range(min(fetch_tasks, len(stored)))]
    return Plan(partition, tuple(SourceGroup(tuple(group)) for group in groups), fetch=False)


def register(runtime: Runtime, plan: Plan) -> None:
    """Record the planned sources in ops.source and their users in ops.user; a plan from raw records nothing.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    if not plan.fetch:
        return
    sources = load_sources(runtime.settings.sources)
    planned = [PlannedSource(s.name, s.kind.value, s.definition_sha256) for s in sources]
    logins = _logins(runtime, sources)
    if runtime.settings.detail_calls_development or runtime.settings.detail_calls_extended:
        planned.append(PlannedSource(DETAILS, SourceKind.TRACK.value, sha256(DETAILS.encode())))
    with connect(runtime.ingest) as conn:
        record_sources(conn, planned, plan.partition)
        for login in filter(None, logins.values()):
            note_user(conn, login)


def _logins(runtime: Runtime, sources: Iterable[Source]) -> dict[str | None, Login | None]:
    """Return the login of each user whose data is read, by name; None for a user who is not logged in.

    A login that cannot be used is left out: the sources of its user fail later, and the others are read.

    Raises:
        ConfigurationError, UserErased: no login can be used.
    """
    names = {source.user for source in sources if source.kind.needs_login}
    logins: dict[str | None, Login | None] = {}
    errors: list[PipelineError] = []
    for name in sorted(names, key=str):
        try:
            store = runtime.login(name)
            logins[name] = None if store is None else store.read()
        except (ConfigurationError, UserErased) as error:
            log.warning("%s", error)
            errors.append(error)
    if errors and not logins:
        raise errors[0]
    return logins
