"""Bad responses, a relaxed contract, and the `quarantine` command connected to the pipeline."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from typer.testing import CliRunner, Result

from spotify_pipeline.cli.main import build
from spotify_pipeline.contract import validator
from tests.integration.pipeline import Pipeline, connect_commands

TOO_LONG = 700_000_000
"""Milliseconds that the contract refuses and the tables can store."""


class OneTrackTooLong:
    """Makes the first track of the first album too long; `track_id` is its id."""

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
    """`spotify-pipeline quarantine …` connected to the pipeline, without a connection to Spotify."""

    def __call__(self, *arguments: str) -> Result:
        words = ["quarantine", *arguments]
        return CliRunner().invoke(build(words), words, catch_exceptions=False)

    def json(self, *arguments: str) -> Any:
        result = self(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def command(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    connect_commands(pipeline, monkeypatch, tmp_path)
    artists = [artist_id for artist_id, _ in pipeline.sandbox.control.catalog().artists]
    pipeline.list_sources({"name": "first", "kind": "artist", "ids": artists[8:9]})
    return Command()


@pytest.fixture
def relaxed_contract(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function that replaces the contract by one without a maximum duration."""

    def replace_contract() -> None:
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

    return replace_contract
