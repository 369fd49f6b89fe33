"""Tests which connections commands use: those of the environment, else those of the embedded stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from spotify_pipeline.cli.connections import environment_or_stack
from spotify_pipeline.errors import ConnectionMissing


def test_the_variable_takes_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPOTIFY_LAKE", '{"host": "store.example", "schema": "bucket"}')
    assert environment_or_stack("spotify_lake").host == "store.example"


def test_without_a_variable_and_a_stack_it_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SPOTIFY_LAKE", raising=False)
    monkeypatch.setenv("SPOTIFY_PIPELINE_STACK_DIR", str(tmp_path))
    with pytest.raises(ConnectionMissing, match="AIRFLOW_CONN_SPOTIFY_LAKE"):
        environment_or_stack("spotify_lake")
