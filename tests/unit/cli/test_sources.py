"""Tests `spotify-pipeline sources check`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from spotify_pipeline.cli import main as cli

LINK = "https://open.spotify.com/artist/4Z8W4fKeB5YxbusRsdQVPb?si=abc"


def check(tmp_path: Path, ids: str, *options: str) -> Any:
    file = tmp_path / "sources.yml"
    file.write_text(f"version: 1\nsources:\n  - {{name: one, kind: artist, ids: [{ids}]}}\n")
    return CliRunner().invoke(cli.build(["sources"]), ["sources", "check", str(file), *options])


def test_a_link_in_brackets_needs_quotes(tmp_path: Path) -> None:
    assert "put the link in quotes" in check(tmp_path, LINK).stderr
    assert check(tmp_path, f"'{LINK}'").exit_code == 0


def test_check_prints_json(tmp_path: Path) -> None:
    document = json.loads(check(tmp_path, f"'{LINK}'", "--json").stdout)
    assert document["errors"] == []
    [row] = document["sources"]
    assert (row["group"], row["source"], row["kind"]) == (1, "one", "artist")
    assert row["calls"] > 0
    wrong = check(tmp_path, "'no id'", "--json")
    assert wrong.exit_code == 1
    assert "no id" in json.loads(wrong.stdout)["errors"][0]


def test_check_lists_every_mistake_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "sources.yml"
    file.write_text(
        "version: 1\nsources:\n  - name: one\n    kind: artst\n    ids: []\n"
        "  - name: two\n    kind: search\n    queries: []\n    types: [tracks]\n"
    )
    done = CliRunner().invoke(cli.build(["sources"]), ["sources", "check", str(file)])
    assert done.exit_code == 1
    shown = done.stderr.splitlines()
    assert len(shown) > 2
    assert all(line.startswith(f"error: {file}:") for line in shown)
    assert "more)" not in done.stderr
    for wanted in ("'artst'", "'tracks'"):
        assert any(wanted in line for line in shown)
