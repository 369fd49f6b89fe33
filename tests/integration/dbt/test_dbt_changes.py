"""Tests that `state:modified+` selects a changed model and its descendants, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from dbt.adapters.factory import reset_adapters
from dbt.cli.main import dbtRunner

from spotify_pipeline.settings import DBT_OUTPUT_FOLDERS
from spotify_stack.dbt_manifest import DBT_PROJECT

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def dbt(project: Path, *arguments: str) -> list[str]:
    try:
        result = dbtRunner().invoke(
            [*arguments, "--project-dir", str(project), "--profiles-dir", str(project), "--quiet"]
        )
    finally:
        reset_adapters()
    assert result.success, result.exception
    return list(result.result) if isinstance(result.result, list) else []


def test_a_changed_model_and_its_descendants_are_selected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBT_LOG_PATH", str(tmp_path / "logs"))
    project, state = tmp_path / "dbt", tmp_path / "state"
    shutil.copytree(DBT_PROJECT, project, ignore=shutil.ignore_patterns(*DBT_OUTPUT_FOLDERS))
    dbt(project, "parse")
    shutil.copytree(project / "target", state)
    select = ("ls", "--select", "state:modified+", "--resource-type", "model", "--state", str(state))

    assert dbt(project, *select) == []
    model = project / "models" / "marts" / "playlists" / "fct_playlist_entry.sql"
    model.write_text(model.read_text(encoding="utf-8") + "\nwhere true\n", encoding="utf-8")

    assert dbt(project, *select) == [
        "spotify.marts.playlists.fct_playlist_entry",
        "spotify.marts.playlists.mart_playlist_churn",
    ]
