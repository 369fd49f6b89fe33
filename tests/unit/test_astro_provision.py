"""Tests that settings and connections are provided in each way of running, and only once."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from spotify_pipeline.connections import (
    CONNECTION_IDS,
    SPOTIFY_ACCOUNT_KEY,
    SPOTIFY_USER,
    WAREHOUSE_DBT,
    variable_name,
)
from spotify_pipeline.settings import PREFIX, Settings
from spotify_stack import airflow_environment
from spotify_stack.paths import StackPaths
from spotify_stack.ports import PortReservation
from spotify_stack.state import create_or_load

ROOT = Path(__file__).resolve().parents[2]
# the only modules of tasks that may read the environment; all others get settings and connections
READERS = {
    "src/spotify_pipeline/connections.py",  # AIRFLOW_CONN_…, without Airflow
    "src/spotify_pipeline/settings.py",  # the folder of the login file
    "src/spotify_pipeline/warehouse/backup.py",  # variables for pg_dump; a command of an operator
    "src/spotify_pipeline/spark/session.py",  # JAVA_HOME, and variables that Spark reads
}
# code that does not run in tasks
OPERATING = (
    "src/spotify_stack/",
    "src/spotify_pipeline/cli/",
    "src/spotify_pipeline/doctor/",
)


def python_files() -> Iterator[Path]:
    for folder in ("src", "dags", "config"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def reads_environment(tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        and node.attr in {"environ", "getenv", "environb"}
        for node in ast.walk(tree)
    )


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of the embedded stack's Airflow."""
    with PortReservation() as reservation:
        state = create_or_load(StackPaths(tmp_path_factory.mktemp("stack") / "stack"), reservation)
    return airflow_environment.environment(state)


@pytest.fixture(scope="module")
def compose() -> dict[str, str]:
    """Return the environment that docker-compose.override.yml gives to each Airflow service."""
    document = yaml.safe_load((ROOT / "docker-compose.override.yml").read_text())
    found: dict[str, str] = document["services"]["scheduler"]["environment"]
    return found


@pytest.fixture(scope="module")
def image() -> dict[str, str]:
    """Return the environment of the image."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.removeprefix("ENV ") for line in text.splitlines() if line.startswith("ENV ")]
    return dict(pair.split("=", 1) for line in lines for pair in line.split())


def test_tasks_read_no_environment_variable_themselves() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in python_files()
        if reads_environment(ast.parse(path.read_text()))
    }
    assert {place for place in found if not place.startswith(OPERATING)} <= READERS


def test_the_scan_finds_each_way_of_reading() -> None:
    for text in ("import os; os.environ['A']", "import os\nos.getenv('A')", "import os; x = os.environ"):
        assert reads_environment(ast.parse(text))


def test_no_module_imports_environ_directly() -> None:
    for path in python_files():
        assert not re.search(r"from os import .*(environ|getenv)", path.read_text()), path


def test_every_setting_has_a_default() -> None:
    assert [name for name, field in Settings.model_fields.items() if field.is_required()] == []


def test_every_variable_that_is_set_is_a_setting(embedded: dict[str, str], compose: dict[str, str]) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for environment in (embedded, compose):
        ours = {name for name in environment if name.startswith(PREFIX)}
        assert PREFIX + "SOURCES" in ours
        assert ours <= known


def test_every_connection_is_provided_by_each_way_of_running(embedded: dict[str, str]) -> None:
    # production needs no login; the sandbox has a user
    wanted = sorted([*CONNECTION_IDS, SPOTIFY_USER, SPOTIFY_ACCOUNT_KEY])
    assert sorted(name for name in embedded if name.startswith("AIRFLOW_CONN_")) == [
        variable_name(conn_id) for conn_id in wanted
    ]
    settings = yaml.safe_load((ROOT / "airflow_settings.yaml").read_text())
    # a list, because the CLI would replace the first of two by the second
    assert sorted(entry["conn_id"] for entry in settings["airflow"]["connections"]) == wanted
    deployed = (ROOT / "docs" / "deploy.md").read_text()
    assert "`spotify_user`" in deployed
    assert "`spotify_account_key`" in deployed
    assert [conn_id for conn_id in CONNECTION_IDS if deployed.count(f"| `{conn_id}` |") != 1] == []


def test_no_variable_is_set_by_image_and_compose(image: dict[str, str], compose: dict[str, str]) -> None:
    assert set(image) & set(compose) == set()
    assert not [name for name in image if name.startswith(("AIRFLOW_CONN_", PREFIX))]


def test_no_variable_of_the_cli_is_set_again(image: dict[str, str], compose: dict[str, str]) -> None:
    cli: dict[str, Any] = yaml.safe_load(
        (ROOT / "tests" / "integration" / "astro" / "cli-services.yml").read_text()
    )
    theirs = set(cli["services"]["scheduler"]["environment"])
    assert theirs
    assert theirs.isdisjoint(image)
    assert theirs.isdisjoint(compose)


def test_tasks_are_forked_and_telemetry_is_off(embedded: dict[str, str], image: dict[str, str]) -> None:
    for name, value in {
        "AIRFLOW__CORE__MP_START_METHOD": "fork",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }.items():
        assert embedded[name] == image[name] == value
    assert embedded["PYTHONPATH"] == str(ROOT / "config")
    assert "/usr/local/airflow/config" in image["PYTHONPATH"]


def test_dbt_on_the_command_line_needs_no_variable(embedded: dict[str, str]) -> None:
    used: list[tuple[str, str]] = []
    for path in [*(ROOT / "dbt").glob("*.yml"), *(ROOT / "dbt" / "models").rglob("*")]:
        if path.is_file():
            used += re.findall(r"env_var\('(\w+)'(, '[^']*')?\)", path.read_text())
    assert used
    # with a default, `dbt parse` works in the image; in Airflow the profile comes from a connection
    assert [name for name, default in used if not default] == []
    assert {name for name, _ in used} <= set(embedded)
    assert WAREHOUSE_DBT in (ROOT / "dbt" / "profiles.yml").read_text()
