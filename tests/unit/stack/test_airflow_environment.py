"""Tests the environment of the embedded stack's Airflow."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from spotify_pipeline.connections import (
    CONNECTION_IDS,
    SPOTIFY_ACCOUNT_KEY,
    SPOTIFY_API,
    SPOTIFY_USER,
    from_environment,
    variable_name,
)
from spotify_pipeline.lake import keys
from spotify_pipeline.spotify.account_ids import AccountKey
from spotify_pipeline.spotify.login import ALL_SCOPES, Login
from spotify_stack import airflow_environment
from spotify_stack.paths import StackPaths
from spotify_stack.ports import PortReservation
from spotify_stack.state import SandboxOptions, StackState, create_or_load


@pytest.fixture
def state(tmp_path: Path) -> StackState:
    with PortReservation() as reservation:
        return create_or_load(StackPaths(tmp_path / "stack"), reservation)


def airflow_options() -> dict[str, set[str]]:
    import airflow.config_templates as templates

    document = yaml.safe_load((Path(templates.__path__[0]) / "config.yml").read_text())
    return {section: set(content["options"]) for section, content in document.items()}


def test_every_option_exists_in_the_installed_airflow(state: StackState) -> None:
    known = airflow_options()
    # options of the Cosmos provider, which Airflow's own list does not have
    cosmos = {"enable_telemetry", "cache_dir", "dbt_docs_projects"}
    for section, pairs in airflow_environment.configuration(state).items():
        options = known.get(section, cosmos if section == "cosmos" else set())
        assert set(pairs) <= options, f"[{section}] has no such option"


def test_dbt_docs_are_read_from_where_they_are_written(state: StackState) -> None:
    environ = airflow_environment.environment(state)
    [(name, project)] = json.loads(environ["AIRFLOW__COSMOS__DBT_DOCS_PROJECTS"]).items()
    assert project["dir"] == environ["SPOTIFY_PIPELINE_DBT_DOCS_DIR"]
    assert project["index"] == keys.docs_key().rpartition("/")[2]
    assert f"/{name}/" in airflow_environment.dbt_docs_url(state)


def test_all_connections_exist_and_can_be_read(state: StackState) -> None:
    environ = airflow_environment.connection_variables(state)
    found = {conn_id: from_environment(conn_id, environ) for conn_id in CONNECTION_IDS}
    assert {info.host for info in found.values()} == {None, "127.0.0.1"}
    assert len({info.password for info in found.values()}) == len(CONNECTION_IDS)
    assert found[SPOTIFY_API].extra["api_url"] == f"{state.sandbox_url}/v1"


def test_the_app_class_follows_the_sandbox(state: StackState) -> None:
    extended = state.changed(sandbox=SandboxOptions("extended"), own_app=None)
    environ = airflow_environment.connection_variables(extended)
    assert from_environment(SPOTIFY_API, environ).extra["app_class"] == "extended"


def test_a_user_s_own_app_replaces_the_sandbox(state: StackState) -> None:
    own = '{"conn_type": "generic", "login": "my-app", "password": "secret"}'
    environ = airflow_environment.environment(state.changed(sandbox=None, own_app=own))
    assert from_environment(SPOTIFY_API, environ).login == "my-app"


def test_the_generated_catalogue_has_a_logged_in_user(state: StackState) -> None:
    info = from_environment(SPOTIFY_USER, airflow_environment.connection_variables(state))
    login = Login.from_connection(info)
    assert (
        login.client_id
        == from_environment(SPOTIFY_API, airflow_environment.connection_variables(state)).login
    )
    key = AccountKey.from_connection(
        from_environment(SPOTIFY_ACCOUNT_KEY, airflow_environment.connection_variables(state))
    )
    assert login.user_hash == key.user_hash("listener1")
    key.require_same(login.key_id)
    assert login.scopes == ALL_SCOPES
    assert login.authorized_on == datetime.now(UTC).date()
    assert state.user_token == login.refresh_token
    # the stack does not use the login file of the command line
    environ = airflow_environment.environment(state)
    assert environ["SPOTIFY_PIPELINE_LOGIN_FILE"] == str(state.paths.root / "login.json")


def test_folder_and_own_app_have_no_sandbox_user(state: StackState) -> None:
    own = '{"conn_type": "generic", "login": "my-app", "password": "secret"}'
    user = '{"conn_type": "generic", "login": "my-app", "password": "my-token"}'
    folder = state.changed(sandbox=SandboxOptions(catalog="folder"), own_app=None)
    mine = state.changed(sandbox=None, own_app=own)
    both = state.changed(sandbox=None, own_app=own, own_user=user)
    for other in (folder, mine):
        assert variable_name(SPOTIFY_USER) not in airflow_environment.connection_variables(other)
    assert (
        from_environment(SPOTIFY_USER, airflow_environment.connection_variables(both)).password == "my-token"
    )
    assert "SPOTIFY_PIPELINE_LOGIN_FILE" not in airflow_environment.environment(mine)
    # with the sandbox, its user is back too
    again = both.changed(sandbox=None, own_app="")
    assert (
        from_environment(SPOTIFY_USER, airflow_environment.connection_variables(again)).password
        == state.user_token
    )


def test_variables_of_another_airflow_are_not_inherited() -> None:
    shell = {
        "AIRFLOW_HOME": "/home/me/airflow",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        variable_name(SPOTIFY_API): "{}",
        "DBT_PROFILES_DIR": "/home/me/.dbt",
        "PGHOST": "production",
        "AWS_PROFILE": "work",
        "PYTHONPATH": "/home/me",
        "PATH": "/usr/bin",
        "SPOTIFY_PIPELINE_FETCH_TASKS": "4",
    }
    assert airflow_environment.inherited(shell) == {"PATH": "/usr/bin", "SPOTIFY_PIPELINE_FETCH_TASKS": "4"}


def test_airflow_listens_on_this_machine_only(state: StackState) -> None:
    assert airflow_environment.configuration(state)["api"]["host"] == "127.0.0.1"


def test_lineage_is_off_by_default(state: StackState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(airflow_environment.LINEAGE_VARIABLE, raising=False)
    assert not [name for name in airflow_environment.environment(state) if "OPENLINEAGE" in name]
    assert airflow_environment.lineage(state, {airflow_environment.LINEAGE_VARIABLE: "0"}) == {}


@pytest.mark.parametrize(
    ("wanted", "transport"),
    [("1", "file"), ("http://127.0.0.1:5000", "http"), ("https://ol.example", "http")],
)
def test_lineage_is_sent_to_files_of_the_stack_or_a_server(
    state: StackState, monkeypatch: pytest.MonkeyPatch, wanted: str, transport: str
) -> None:
    monkeypatch.setenv(airflow_environment.LINEAGE_VARIABLE, wanted)
    environ = airflow_environment.environment(state)
    sent = json.loads(environ["AIRFLOW__OPENLINEAGE__TRANSPORT"])
    assert sent["type"] == transport
    assert sent.get("url", wanted) == wanted
    assert Path(sent.get("log_file_path", state.paths.lineage / "event")).parent.is_dir()
    assert environ["AIRFLOW__OPENLINEAGE__EXECUTE_IN_THREAD"] == "True"
