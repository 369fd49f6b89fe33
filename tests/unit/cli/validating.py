"""Calls `spotify-pipeline validate` as from a shell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner, Result

from spotify_pipeline.cli.validate import validate

app = typer.Typer()
app.command()(validate)


def run(*arguments: object, given: str | None = None) -> Result:
    return CliRunner().invoke(
        app, [str(argument) for argument in arguments], input=given, catch_exceptions=False
    )


def report_of(tmp_path: Path, body: Any, name: str = "response.json") -> dict[str, Any]:
    """Validate one readable file with --json, and return its part of the report."""
    file = tmp_path / name
    file.write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())
    result = run(file, "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["unreadable"] == []
    (found,) = document["files"]
    assert found["path"] == str(file)
    for tally in (*found["kinds"].values(), *found["entries"].values()):
        assert tally["records"] == tally["valid"] + tally["quarantined"] + tally["set_aside"]
    return dict(found)


def counted(found: dict[str, Any], kind: str) -> tuple[int, int, int]:
    """Return the counts of a kind: valid, quarantined, set_aside."""
    tally = found["kinds"][kind]
    return tally["valid"], tally["quarantined"], tally["set_aside"]
