"""Tests settings from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.settings import PREFIX, PROJECT_ROOT, Settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def test_defaults_find_the_projects_own_sources() -> None:
    settings = Settings.load()
    assert settings.sources == PROJECT_ROOT / "include" / "sources.yml"
    assert settings.sources.is_file()


def test_a_variable_sets_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIFY_PIPELINE_SOURCES", "/x/y.yml")
    assert Settings.load().sources == Path("/x/y.yml")


def test_the_dbt_project_of_a_dag_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.dbt_project_at_parse() == Settings.load().dbt_project_dir == PROJECT_ROOT / "dbt"
    monkeypatch.setenv("SPOTIFY_PIPELINE_DBT_PROJECT_DIR", "/x/dbt")
    assert Settings.dbt_project_at_parse() == Settings.load().dbt_project_dir == Path("/x/dbt")


@pytest.mark.parametrize(
    ("name", "value"),
    [("FETCH_TASKS", "0"), ("FETCH_TASKS", "MOCKED_VALUE"), ("QUARANTINE_SHARE", "5")],
)
def test_a_value_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(ConfigurationError, match=f"{PREFIX}{name}='{value}' cannot be used"):
        Settings.load()


def test_every_setting_has_a_description() -> None:
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('{"GET /x": 5}', "'GET /x' is not a bucket; allowed: GET /albums/{id}"),
        ('{"total": -1}', "'total' is below 0"),
        ("many", 'cannot be read: error parsing value for field "call_budget"'),
    ],
)
def test_a_budget_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str, words: str
) -> None:
    monkeypatch.setenv("SPOTIFY_PIPELINE_CALL_BUDGET", value)
    with pytest.raises(ConfigurationError) as error:
        Settings.load()
    assert words in str(error.value)


def test_a_budget_is_read_from_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIFY_PIPELINE_CALL_BUDGET", '{"total": 500, "GET /albums/{id}": 20}')
    assert Settings.load().call_budget == {"total": 500, "GET /albums/{id}": 20}


@pytest.mark.parametrize("name", ["RETAIN_HISTORY_DAYS", "RETAIN_PLAY_DAYS"])
def test_no_retention_is_shorter_than_that_of_raw(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"{PREFIX}{name}", "60")
    with pytest.raises(ConfigurationError, match=f"^{PREFIX}{name} is below {PREFIX}RETAIN_RAW_DAYS"):
        Settings.load()
    monkeypatch.setenv(f"{PREFIX}RETAIN_RAW_DAYS", "60")
    assert Settings.load().retain_raw_days == 60


@pytest.mark.parametrize(("name", "least"), [("RETAIN_RAW_DAYS", 7), ("RETAIN_HISTORY_DAYS", 35)])
def test_retention_is_neither_too_short_nor_too_long(
    monkeypatch: pytest.MonkeyPatch, name: str, least: int
) -> None:
    """The marts compare 28 days of history, and retention runs once a week."""
    for days in (0, least - 1, 3651):
        monkeypatch.setenv(f"{PREFIX}{name}", str(days))
        with pytest.raises(ConfigurationError, match=f"{name}='{days}'"):
            Settings.load()
