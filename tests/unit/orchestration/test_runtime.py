"""A login's tokens in an Airflow Variable."""

from __future__ import annotations

import pytest
from airflow.sdk._shared.secrets_masker import should_hide_value_for_key

from spotify_pipeline.orchestration.runtime import LOGIN_KEY, VariableState


def test_the_text_is_read_from_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"AIRFLOW_VAR_{LOGIN_KEY.upper()}", "kept")
    assert VariableState().read() == "kept"


def test_airflow_hides_the_variable_by_its_name() -> None:
    assert should_hide_value_for_key(LOGIN_KEY)
