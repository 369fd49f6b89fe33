"""Loads some days of the sandbox's catalogue into a warehouse with the pipeline's stages, without Airflow.

It is for tools that need data of every kind without a stack. Equal days give equal staging rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path

import yaml

from spotify_pipeline import connections as ids
from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import ConnectionMissing
from spotify_pipeline.settings import Settings
from spotify_pipeline.sources import Source, load_sources
from spotify_pipeline.spotify.account_ids import AccountKey
from spotify_pipeline.spotify.login import ALL_SCOPES
from spotify_pipeline.stages.clients import Clients
from spotify_pipeline.stages.details import details_source
from spotify_pipeline.stages.fetch import fetch_source
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.load import load_source
from spotify_pipeline.stages.plan import plan, register
from spotify_pipeline.stages.reconcile import reconcile
from spotify_pipeline.stages.runtime import Attempt, Runtime
from spotify_pipeline.stages.validate import validate_source
from spotify_sandbox.testing import RunningSandbox
from spotify_sandbox.testing import running as running_sandbox
from spotify_stack.demo_sources import artist_entries, user_entries
from spotify_stack.scratch import scratch_lake

FIRST_DAY = date(2026, 11, 20)
TRACKS = 300
USER = "listener1"


def fill(warehouse: Mapping[str, ConnectionInfo], folder: Path, days: int = 2) -> None:
    """Load `days` partitions of an Extended app with a logged-in user into a migrated warehouse.

    `warehouse` has the connections `warehouse_owner` and `warehouse_ingest`; servers write to `folder`.

    Raises:
        NotReady: a server did not start.
        PipelineError: a stage failed.
    """
    clock = f"{FIRST_DAY.isoformat()}T06:00:00Z"
    with scratch_lake(folder) as lake, running_sandbox(mode="extended", size=TRACKS, clock=clock) as sandbox:
        known = {lake.conn_id: lake, **_logins(sandbox), **warehouse}
        for number in range(days):
            day = FIRST_DAY + timedelta(days=number)
            sandbox.control.set_clock(f"{day.isoformat()}T06:00:00Z")
            sources = folder / "sources.yml"
            sources.write_text(yaml.safe_dump({"version": 1, "sources": _entries(sandbox)}))
            settings = Settings(sources=sources, login_file=folder / "login.json")
            _run(Runtime(settings=settings, lookup=_lookup(known), attempt=Attempt("sample", 1)), day)


def _run(runtime: Runtime, day: date) -> None:
    """Run the stages of spotify_ingest for one partition, one after the other."""
    planned = plan(runtime, day)
    register(runtime, planned)
    sources = load_sources(runtime.settings.sources)
    with Clients(runtime) as clients:
        states = [_ingest(runtime, clients, day, source) for source in sources]
        details = details_source(runtime, clients.app, day)
        if details is not None:
            states.append(_ingest(runtime, clients, day, details))
    reconcile(runtime, day, [state.source for state in states], states).raise_failures(day.isoformat())


def _ingest(runtime: Runtime, clients: Clients, day: date, source: Source) -> SourceState:
    fetch_source(runtime, clients, day, source)
    validate_source(runtime.lake, day, source.name)
    return load_source(runtime, day, source.name)


def _entries(sandbox: RunningSandbox) -> list[dict[str, object]]:
    own = (found["id"] for found in sandbox.control.playlists() if found["owner"] == USER)
    return artist_entries(artist for artist, _ in sandbox.control.catalog().artists) + user_entries(own)


def _logins(sandbox: RunningSandbox) -> dict[str, ConnectionInfo]:
    api = ConnectionInfo(
        ids.SPOTIFY_API,
        login=sandbox.client_id,
        password=sandbox.client_secret,
        extra={"api_url": sandbox.api_url, "accounts_url": sandbox.accounts_url, "app_class": "extended"},
    )
    key = AccountKey.new()
    user = ConnectionInfo(
        ids.SPOTIFY_USER,
        login=sandbox.client_id,
        password=sandbox.control.authorize(USER, ALL_SCOPES),
        extra={
            "scopes": " ".join(ALL_SCOPES),
            "authorized_on": FIRST_DAY.isoformat(),
            "user_hash": key.user_hash(USER),
            "key_id": key.key_id,
        },
    )
    account_key = ConnectionInfo(ids.SPOTIFY_ACCOUNT_KEY, password=key.secret)
    return {found.conn_id: found for found in (api, user, account_key)}


def _lookup(known: Mapping[str, ConnectionInfo]) -> Callable[[str], ConnectionInfo]:
    def lookup(conn_id: str) -> ConnectionInfo:
        if conn_id not in known:
            raise ConnectionMissing(f"connection '{conn_id}' is not defined")
        return known[conn_id]

    return lookup
