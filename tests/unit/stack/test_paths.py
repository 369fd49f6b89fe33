"""Tests the folder of the stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack.paths import FOLDER_VARIABLE, StackPaths


def test_the_default_folder_is_ignored_by_git_and_can_be_moved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    assert StackPaths.default().root == PROJECT_ROOT / "build" / "stack"
    assert "/build/" in (PROJECT_ROOT / ".gitignore").read_text().splitlines()
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert StackPaths.default().root == tmp_path
