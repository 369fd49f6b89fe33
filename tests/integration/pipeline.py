"""The pipeline over real servers, one call a stage: warehouse, object store, sandbox, and a sources.yml."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from spotify_pipeline.connections import ConnectionInfo, user_connection, variable_name
from spotify_pipeline.errors import ConnectionMissing
from spotify_pipeline.lake import Lake
from spotify_pipeline.lake.manifest import read_manifest, sha256
from spotify_pipeline.lake.validation_summary import ValidationSummary
from spotify_pipeline.sources import load_sources
from spotify_pipeline.spotify.endpoints import Scope
from spotify_pipeline.spotify.login import Login
from spotify_pipeline.stages.clients import Clients
from spotify_pipeline.stages.details import DETAILS, details_source
from spotify_pipeline.stages.fetch import FetchOutcome, fetch_source
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.listening import Reading, fetch_plays, load_plays
from spotify_pipeline.stages.load import load_source
from spotify_pipeline.stages.plan import plan, register
from spotify_pipeline.stages.reconcile import Verdict, reconcile
from spotify_pipeline.stages.runtime import Attempt, Runtime
from spotify_pipeline.stages.validate import validate_source
from spotify_pipeline.warehouse.checksum import table_checksums
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.publication import inputs_of
from spotify_sandbox.testing import RunningSandbox
from tests.accounts import ACCOUNT_KEY, user_hash

DAY = date(2026, 11, 22)
NEXT_DAY = DAY + timedelta(days=1)
USER = "listener1"
HASH = user_hash(USER)
VERSIONS = """
    SELECT t, xmin FROM (
        SELECT t::text, xmin::text FROM staging.tracks AS t UNION ALL
        SELECT t::text, xmin::text FROM staging.track_observations AS t UNION ALL
        SELECT t::text, xmin::text FROM staging.saved_tracks AS t UNION ALL
        SELECT t::text, xmin::text FROM staging.plays AS t UNION ALL
        SELECT t::text, xmin::text FROM staging.playlist_membership AS t UNION ALL
        SELECT t::text, xmin::text FROM ops.reconciliation AS t UNION ALL
        SELECT t::text, xmin::text FROM ops.quarantined_record AS t
    ) AS rows ORDER BY 1
"""


@dataclass
class Pipeline:
    """The stages of the pipeline over real servers, one method each."""

    runtime: Runtime
    sandbox: RunningSandbox
    sources_file: Path

    @property
    def lake(self) -> Lake:
        return self.runtime.lake

    def list_sources(self, *entries: Mapping[str, object]) -> None:
        listed = [dict(entry) for entry in entries]
        self.sources_file.write_text(yaml.safe_dump({"version": 1, "sources": listed}))

    def go_to(self, day: date, time: str = "06:00:00") -> None:
        self.sandbox.control.set_clock(f"{day.isoformat()}T{time}Z")

    def fetch(self, name: str, day: date = DAY, *, tries_left: bool = True) -> FetchOutcome:
        source = next(s for s in load_sources(self.sources_file) if s.name == name)
        with Clients(self.runtime) as clients:
            return fetch_source(self.runtime, clients, day, source, tries_left=tries_left)

    def validate(self, name: str, day: date = DAY) -> ValidationSummary:
        return validate_source(self.lake, day, name)

    def load(self, name: str, day: date = DAY) -> SourceState:
        return load_source(self.runtime, day, name)

    def run(self, day: date = DAY) -> Verdict:
        """Run all stages of a partition, source by source."""
        planned = plan(self.runtime, day)
        names = [name for group in planned.groups for name in group.sources]
        states = []
        for name in names:
            if planned.fetch:
                self.fetch(name, day)
            self.validate(name, day)
            states.append(self.load(name, day))
        register(self.runtime, planned)
        return reconcile(self.runtime, day, names, states)

    def run_details(self, day: date = DAY) -> SourceState:
        """Fetch, validate and load the records of the detail queue."""
        with Clients(self.runtime) as clients:
            source = details_source(self.runtime, clients.app, day)
            assert source is not None
            fetch_source(self.runtime, clients, day, source)
        self.validate(DETAILS, day)
        return self.load(DETAILS, day)

    def query(self, statement: str) -> list[tuple[object, ...]]:
        with connect(self.runtime.lookup("warehouse_owner")) as conn:
            return conn.execute(statement.encode()).fetchall()

    def checksums(self) -> dict[str, object]:
        with connect(self.runtime.lookup("warehouse_owner")) as conn:
            return dict(table_checksums(conn, schemas=("staging",)))

    def dbt_inputs(self) -> str:
        """Return the digest of dbt's inputs, a digest of an unchanged project included."""
        with connect(self.runtime.ingest) as conn:
            return inputs_of(conn, "code").digest

    def objects(self, zone: str) -> dict[str, bytes]:
        return {key: self.lake.get(key).data for key in self.lake.keys(f"{zone}/")}


def connected(pipeline: Pipeline, sandbox: RunningSandbox, app_class: str = "development") -> Pipeline:
    """Return the same pipeline with another sandbox as Spotify."""
    lookup = pipeline.runtime.lookup
    api = ConnectionInfo(
        "spotify_api",
        login=sandbox.client_id,
        password=sandbox.client_secret,
        extra={
            "api_url": sandbox.api_url,
            "accounts_url": sandbox.accounts_url,
            "app_class": app_class,
        },
    )
    runtime = Runtime(
        settings=pipeline.runtime.settings,
        lookup=lambda conn_id: api if conn_id == "spotify_api" else lookup(conn_id),
        attempt=pipeline.runtime.attempt,
    )
    return replace(pipeline, runtime=runtime, sandbox=sandbox)


def logged_in(
    pipeline: Pipeline,
    scopes: tuple[Scope, ...] = tuple(Scope),
    user: str = USER,
    name: str | None = None,
) -> Pipeline:
    """Return the same pipeline with the login of a user, whom sources.yml calls `name`."""
    token = pipeline.sandbox.control.authorize(user, scopes, authorized_at="2026-11-01T08:00:00Z")
    login = Login(
        pipeline.sandbox.client_id, token, user_hash(user), scopes, DAY.replace(day=1), ACCOUNT_KEY.key_id
    )
    fields = json.loads(login.to_connection())
    connection = ConnectionInfo(
        user_connection(name), login=fields["login"], password=fields["password"], extra=fields["extra"]
    )
    lookup = pipeline.runtime.lookup
    runtime = Runtime(
        settings=pipeline.runtime.settings,
        lookup=lambda conn_id: connection if conn_id == connection.conn_id else lookup(conn_id),
        attempt=pipeline.runtime.attempt,
    )
    return replace(pipeline, runtime=runtime)


def own_sources(pipeline: Pipeline, user: str = USER) -> list[dict[str, object]]:
    """Return one source of each kind that belongs to the user."""
    own = [p["id"] for p in pipeline.sandbox.control.playlists() if p["owner"] == user]
    return [
        {"name": "lists", "kind": "playlist", "ids": own},
        {"name": "saved", "kind": "saved_tracks"},
        {"name": "top", "kind": "top_tracks", "time_ranges": ["short_term", "long_term"]},
        {"name": "top-artists", "kind": "top_artists", "time_ranges": ["short_term"]},
        {"name": "followed", "kind": "followed_artists"},
        {"name": "plays", "kind": "recently_played"},
    ]


def listen(pipeline: Pipeline, name: str | None = None) -> Reading:
    """Fetch, validate and load one reading of a listener's plays."""
    reading = fetch_plays(pipeline.runtime, name)
    validate_source(pipeline.lake, reading.partition, reading.source)
    load_plays(pipeline.runtime, reading)
    return reading


def without_spotify(runtime: Runtime, run_id: str = "replay") -> Runtime:
    """Return the same runtime, in which a lookup of Spotify's connections fails."""

    def lookup(conn_id: str) -> ConnectionInfo:
        if conn_id.startswith("spotify_") and conn_id != "spotify_lake":
            raise ConnectionMissing(f"a replay must not look up {conn_id}")
        return runtime.lookup(conn_id)

    return Runtime(settings=runtime.settings, lookup=lookup, attempt=Attempt(run_id, 1))


def spoil(pipeline: Pipeline, source: str, old: bytes, new: bytes, *, album: int = 0) -> None:
    """Alter one track of a stored album as if Spotify had sent it so, manifest included."""
    manifest = read_manifest(pipeline.lake, DAY, source)
    assert manifest is not None
    objects = list(manifest.objects)
    place = [place for place, raw in enumerate(objects) if raw.kind == "album"][album]
    stored = pipeline.lake.get(objects[place].key)
    data = stored.data.replace(old, new, 1)
    pipeline.lake.put(stored.key, data, metadata=stored.metadata)
    objects[place] = replace(objects[place], sha256=sha256(data), bytes=len(data))
    altered = replace(manifest, objects=tuple(objects))
    assert altered != manifest
    pipeline.lake.put(altered.key, altered.to_bytes())


def alter(pipeline: Pipeline, source: str, kind: str, change: Callable[[Any], None], day: date = DAY) -> int:
    """Alter stored responses of one request kind as if Spotify had sent them so, manifest included."""
    manifest = read_manifest(pipeline.lake, day, source)
    assert manifest is not None
    objects, altered = [], 0
    for raw in manifest.objects:
        if raw.kind == kind:
            stored = pipeline.lake.get(raw.key)
            body = json.loads(stored.data)
            change(body)
            data = json.dumps(body).encode()
            pipeline.lake.put(raw.key, data, metadata=stored.metadata)
            objects.append(replace(raw, sha256=sha256(data), bytes=len(data)))
            altered += 1
        else:
            objects.append(raw)
    pipeline.lake.put(manifest.key, replace(manifest, objects=tuple(objects)).to_bytes())
    assert altered, f"source '{source}' has no response of kind {kind}"
    return altered


def connect_commands(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Set the connections of warehouse and store as environment variables, and none of Spotify."""
    for conn_id in ("spotify_lake", "warehouse_ingest", "warehouse_reader"):
        info = pipeline.runtime.lookup(conn_id)
        fields = {name: getattr(info, name) for name in ("host", "port", "login", "password", "schema")}
        monkeypatch.setenv(variable_name(conn_id), json.dumps(fields))
    monkeypatch.delenv("AIRFLOW_CONN_SPOTIFY_API", raising=False)
    monkeypatch.setenv("SPOTIFY_PIPELINE_STACK_DIR", str(tmp_path / "no-stack"))
