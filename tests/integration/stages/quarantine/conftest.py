"""The world of the steps, what makes its answers as bad as wanted, and the command line connected to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from typer.testing import CliRunner, Result

from spotify_pipeline.cli.quarantine import app
from spotify_pipeline.connections import variable_name
from spotify_pipeline.contract import validator
from spotify_pipeline.lake.manifest import read_manifest, sha256
from tests.integration.stages.conftest import DAY, World, sandbox, session_sandbox, world

__all__ = ["sandbox", "session_sandbox", "world"]  # fixtures
TOO_LONG = 700_000_000
"""Milliseconds that today's contract refuses and the tables can hold."""


def alter(world: World, source: str, kind: str, change: Callable[[Any], None], day: date = DAY) -> int:
    """Alter stored answers of one request kind as if Spotify had sent them so, manifest included."""
    manifest = read_manifest(world.lake, day, source)
    assert manifest is not None
    objects, altered = [], 0
    for raw in manifest.objects:
        if raw.kind == kind:
            stored = world.lake.get(raw.key)
            body = json.loads(stored.data)
            change(body)
            data = json.dumps(body).encode()
            world.lake.put(raw.key, data, metadata=stored.metadata)
            objects.append(replace(raw, sha256=sha256(data), bytes=len(data)))
            altered += 1
        else:
            objects.append(raw)
    world.lake.put(manifest.key, replace(manifest, objects=tuple(objects)).to_bytes())
    assert altered, f"source '{source}' has no answer of kind {kind}"
    return altered


class OneTrackTooLong:
    """Makes the first track of the first album too long, and remembers which it was."""

    def __init__(self) -> None:
        self.track_id = ""

    def __call__(self, body: Any) -> None:
        first = body["tracks"]["items"][0]
        if not self.track_id:
            self.track_id = first["id"]
        if first["id"] == self.track_id:
            first["duration_ms"] = TOO_LONG


@dataclass
class Command:
    """`spotify-pipeline quarantine …` connected to the world, without a connection to Spotify."""

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments), catch_exceptions=False)

    def json(self, *arguments: str) -> Any:
        result = self(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def command(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    connect(world, monkeypatch, tmp_path)
    artists = [artist_id for artist_id, _ in world.sandbox.control.catalog().artists]
    world.list_sources({"name": "first", "kind": "artist", "ids": artists[2:3]})
    return Command()


def connect(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give the warehouse and the store to commands, as a production shell would; Spotify is left out."""
    for conn_id in ("spotify_lake", "warehouse_ingest", "warehouse_reader"):
        info = world.runtime.lookup(conn_id)
        fields = {name: getattr(info, name) for name in ("host", "port", "login", "password", "schema")}
        monkeypatch.setenv(variable_name(conn_id), json.dumps(fields))
    monkeypatch.delenv("AIRFLOW_CONN_SPOTIFY_API", raising=False)
    monkeypatch.setenv("SPOTIFY_PIPELINE_STACK_DIR", str(tmp_path / "no-stack"))


@pytest.fixture
def newer_schema(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Puts a contract into force that lets a track be as long as it likes."""

    def put_into_force() -> None:
        today = validator.schema("track")
        relaxed = {**today, "properties": {**today["properties"], "duration_ms": {"type": "integer"}}}
        compiled, reference = validator._compiled, validator._reference
        monkeypatch.setattr(
            validator,
            "_compiled",
            lambda kind: jsonschema_rs.Draft202012Validator(relaxed) if kind == "track" else compiled(kind),
        )
        monkeypatch.setattr(
            validator,
            "_reference",
            lambda kind: jsonschema.Draft202012Validator(relaxed) if kind == "track" else reference(kind),
        )

    return put_into_force
