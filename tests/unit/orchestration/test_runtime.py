"""Tests what tasks read from Airflow: a login's tokens in a Variable, and the partition of a run."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from airflow.sdk._shared.secrets_masker import should_hide_value_for_key

from spotify_pipeline.connections import SPOTIFY_USER, user_connection
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.orchestration.runtime import VariableState, partition_of, partition_or_today


def test_the_tokens_are_read_from_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPOTIFY_USER_TOKEN", "kept")
    assert VariableState(SPOTIFY_USER).read() == "kept"


def test_airflow_hides_the_variable_by_its_name() -> None:
    assert should_hide_value_for_key(VariableState(user_connection("anna")).key)


def run_of(key: str | None) -> dict[str, SimpleNamespace]:
    moment = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)
    return {"dag_run": SimpleNamespace(partition_key=key, run_after=moment)}


def test_an_ingest_without_a_key_has_the_date_of_its_trigger() -> None:
    assert partition_or_today(run_of(None)) == date(2026, 11, 22)
    assert partition_or_today(run_of("2026-11-01")) == date(2026, 11, 1)
    with pytest.raises(ConfigurationError, match="'today' is not a date"):
        partition_or_today(run_of("today"))


def test_other_runs_without_a_key_say_where_to_give_it() -> None:
    with pytest.raises(ConfigurationError, match="as Partition Key under Advanced Options"):
        partition_of(run_of(None))
