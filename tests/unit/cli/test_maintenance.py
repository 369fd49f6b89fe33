"""Tests `spotify-pipeline erase`."""

from __future__ import annotations

from typer.testing import CliRunner

from spotify_pipeline.cli.main import build


def test_a_wrong_hash_is_refused_before_the_confirmation() -> None:
    done = CliRunner().invoke(build(["erase-user"]), ["erase-user", "zzz"], input="y\n")
    assert done.exit_code == 1
    assert "'zzz' is not the hash of a user" in done.stderr
    assert "Delete all data" not in done.output
