"""Runs commands over a test's pipeline, with its connections as environment variables."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from typer.testing import CliRunner, Result

from spotify_pipeline.cli.main import build
from spotify_pipeline.connections import CONNECTION_IDS, SPOTIFY_USER, variable_name
from spotify_pipeline.errors import ConnectionMissing
from tests.integration.pipeline import Pipeline


def environment(pipeline: Pipeline) -> dict[str, str]:
    """Return the environment of a shell: connections and settings, without an embedded stack."""
    found = {"SPOTIFY_PIPELINE_STACK_DIR": "/nonexistent/stack-of-tests", "COLUMNS": "200"}
    for conn_id in (*CONNECTION_IDS, SPOTIFY_USER):
        try:
            fields = asdict(pipeline.runtime.lookup(conn_id))
        except ConnectionMissing:
            continue
        found[variable_name(conn_id)] = json.dumps({k: v for k, v in fields.items() if k != "conn_id"})
    settings: dict[str, Path] = {
        "SOURCES": pipeline.sources_file,
        "LOGIN_FILE": pipeline.runtime.settings.login_file,
    }
    return found | {f"SPOTIFY_PIPELINE_{name}": str(path) for name, path in settings.items()}


def call(command: str, pipeline: Pipeline, *arguments: str, typed: str | None = None) -> Result:
    """Run a command over a pipeline; `typed` is the input to its prompt."""
    words = [command, *arguments]
    return CliRunner().invoke(build(words), words, env=environment(pipeline), input=typed)
