"""Tests that the embedded Postgres does not run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from spotify_pipeline.errors import ConfigurationError
from spotify_stack import postgres


def test_an_ordinary_user_needs_no_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "is_root", lambda: False)
    assert postgres.drop_prefix() == []


def test_root_without_setpriv_gets_a_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "is_root", lambda: True)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ConfigurationError, match="install util-linux or run as an ordinary user"):
        postgres.drop_prefix()


def test_the_program_is_not_root_and_cannot_write_elsewhere(tmp_path: Path) -> None:
    """For an ordinary user the prefix is empty, and only the user id can be checked."""
    tmp_path.chmod(0o700)
    readable = tmp_path / "file"
    readable.write_text("content")
    script = f"id -u; cat {readable}; echo changed > {readable}"
    done = subprocess.run(  # noqa: S603 - our own command line
        [*postgres.drop_prefix(), "/bin/sh", "-c", script], capture_output=True, text=True, check=False
    )
    uid, content = done.stdout.split("\n")[:2]
    assert int(uid) != 0
    assert content == "content"
    if os.geteuid() == 0:
        assert "denied" in done.stderr.lower()
        assert readable.read_text() == "content"
