"""Tests the checks of `doctor`: each problem is one sentence with the way out.

External tools are replaced by scripts on a PATH of the test.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from spotify_pipeline.cli import main as cli
from spotify_pipeline.cli.doctor import Way, examine, likely_ways
from spotify_pipeline.connections import CONNECTION_IDS, variable_name
from spotify_pipeline.doctor import ports, project_files, reach, versions
from spotify_pipeline.doctor.finding import Finding, Findings, guarded
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.settings import PROJECT_ROOT

OVERRIDE = PROJECT_ROOT / "docker-compose.override.yml"


def problems(findings: Iterator[Finding]) -> list[str]:
    return [finding.problem for finding in findings if not finding.ok]


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, the only one on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def tool(folder: Path, name: str, output: str, status: int = 0) -> None:
    """Write a program that prints a text and ends with a status."""
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{output}'\nexit {status}\n")
    program.chmod(0o755)


def test_absent_tools_are_named_with_what_to_do(tools: Path) -> None:
    assert problems(versions.check_docker()) == [
        "docker is not installed: install Docker, or run without it (make up)"
    ]
    (problem,) = problems(versions.check_astro())
    assert problem.startswith("astro is not installed: https://")


@pytest.mark.parametrize(
    ("name", "output", "status", "problem"),
    [
        ("docker", "28.1.0", 0, ""),
        ("docker", "20.10.24", 0, "Docker 20.10 is too old: update it to 23.0 or newer"),
        ("docker", "", 1, "the Docker daemon does not respond: start it, then try again"),
        ("astro", "Astro CLI Version: 1.45.0", 0, ""),
        (
            "astro",
            "Astro CLI Version: 1.29.0",
            0,
            "Astro CLI 1.29 does not support Airflow 3: update it",
        ),
        ("astro", "Astro CLI Version: 2.0.0", 0, "Astro CLI 2.0 needs another project layout: install 1.x"),
        ("astro", "what?", 0, "`astro version` shows no version: install the CLI again"),
    ],
)
def test_an_old_docker_or_cli_is_reported(
    tools: Path, name: str, output: str, status: int, problem: str
) -> None:
    tool(tools, name, output, status)
    check = versions.check_docker if name == "docker" else versions.check_astro
    found = problems(check())
    assert len(found) == bool(problem)
    assert "".join(found).startswith(problem)


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        ("astrocrpublic.azurecr.io/runtime:3.3-8-python-3.12", None),
        ("astrocrpublic.azurecr.io/runtime:3.3-9-python-3.13-base", None),
        (
            "astrocrpublic.azurecr.io/runtime:3.3-8",
            "has Python 3.14, its default, which dbt 1.11 does not support",
        ),
        ("astrocrpublic.azurecr.io/runtime:3.1-2-python-3.12", "is not Airflow 3.3, which the DAGs"),
        ("astrocrpublic.azurecr.io/runtime:13.0.0", "is not a tag of Astro Runtime"),
        ("apache/airflow:3.3.2", "is not a tag of Astro Runtime"),
        ("", "'' is not a tag of Astro Runtime"),
    ],
)
def test_a_wrong_image_tag_is_reported_with_the_right_one(
    tmp_path: Path, image: str, problem: str | None
) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text(f"# Airflow\nFROM {image}\nRUN true\n" if image else "RUN true\n")
    found = problems(versions.check_image(file))
    assert len(found) == (problem is not None)
    if problem:
        assert problem in found[0]
        assert found[0].endswith("start from astrocrpublic.azurecr.io/runtime:3.3-8-python-3.12")


def test_the_project_s_dockerfile_and_this_python_are_accepted() -> None:
    assert problems(versions.check_image(PROJECT_ROOT / "Dockerfile")) == []
    assert problems(versions.check_python()) == []


def test_a_python_that_is_too_new_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    assert problems(versions.check_python()) == [
        "Python 3.14 is not supported: use 3.11, 3.12 or 3.13 (make PYTHON=python3.12)"
    ]


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_port_in_use_is_reported_with_its_variable(taken: int) -> None:
    found = problems(ports.check_ports(PROJECT_ROOT, {"SPOTIFY_WAREHOUSE_PORT": str(taken)}))
    assert (
        f"port {taken} of the warehouse is taken: stop what listens there, or choose another one as "
        "SPOTIFY_WAREHOUSE_PORT" in found
    )


def test_an_invalid_port_is_reported() -> None:
    found = problems(ports.check_ports(PROJECT_ROOT, {"SPOTIFY_LAKE_PORT": "9000/tcp"}))
    assert "SPOTIFY_LAKE_PORT='9000/tcp' is not a port: give 1 to 65535" in found


def test_every_port_of_the_override_is_checked() -> None:
    subjects = [finding.subject for finding in ports.check_ports(PROJECT_ROOT, {})]
    assert len(subjects) == len(set(subjects)) == 2 + OVERRIDE.read_text().count('- "127.0.0.1:')


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with the files that the checks of `astro dev start` read."""
    folder = tmp_path / "project"
    (folder / ".astro").mkdir(parents=True)
    shutil.copy(PROJECT_ROOT / ".astro" / "config.yaml", folder / ".astro")
    shutil.copy(OVERRIDE, folder)
    return folder


def test_a_port_of_the_project_itself_is_not_taken(tools: Path, project: Path, taken: int) -> None:
    environ = {"SPOTIFY_WAREHOUSE_PORT": str(taken)}
    digest = hashlib.md5(str(project).encode(), usedforsecurity=False).hexdigest()[:6]
    ports_shown = f"127.0.0.1:{taken}->5432/tcp, 80/tcp"
    tool(tools, "docker", f"other_{digest}-db-1\t{ports_shown}")
    assert [problem for problem in problems(ports.check_ports(project, environ)) if str(taken) in problem]
    tool(tools, "docker", f"spotify-pipeline_{digest}-warehouse-1\t{ports_shown}")
    assert ports.ports_of_project(project) == {taken}
    assert not [problem for problem in problems(ports.check_ports(project, environ)) if str(taken) in problem]


def test_port_8080_may_be_taken(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: port != 8080)
    assert problems(ports.check_ports(project, {})) == []


def test_the_port_of_the_proxy_is_checked(
    monkeypatch: pytest.MonkeyPatch, project: Path, served_texts: list[str]
) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: port != ports.PROXY_PORT)
    served_texts.append("another server")
    (problem,) = problems(ports.check_ports(project, {}))
    assert problem.startswith("port 6563 of the CLI's proxy is taken")
    assert "--no-proxy" in problem
    served_texts[:] = ["<title>Astro Dev Proxy</title>"]
    assert problems(ports.check_ports(project, {})) == [], "the CLI's own proxy is accepted"


@pytest.fixture
def served_texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list whose first text is the response of every address."""
    texts: list[str] = []
    monkeypatch.setattr(httpx, "get", lambda *_args, **_options: httpx.Response(200, text=texts[0]))
    return texts


def test_files_that_containers_cannot_read_are_named(project: Path) -> None:
    script = project / "docker" / "lake" / "create-bucket.sh"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\n")
    for path in (project / "docker", script.parent, script):
        path.chmod(0o755)
    assert problems(project_files.check_readable(project)) == []
    script.chmod(0o600)
    assert problems(project_files.check_readable(project)) == [
        f"containers cannot read docker/lake/create-bucket.sh: run `chmod -R o+rX docker` in {project}"
    ]
    script.parent.chmod(0o700)
    (problem,) = problems(project_files.check_readable(project))
    assert "docker/lake and 1 more" in problem


def test_a_line_of_env_that_is_ignored_is_named(project: Path) -> None:
    assert list(project_files.check_env_file(project)) == []
    (project / ".env").write_text("SPOTIFY_PIPELINE_FETCH_TASKS=4\n")
    assert problems(project_files.check_env_file(project)) == []
    (project / ".env").write_text("# mine\nSPOTIFY_PIPELINE_SOURCES=/x.yml\n")
    assert problems(project_files.check_env_file(project)) == [
        "SPOTIFY_PIPELINE_SOURCES in .env is ignored, docker-compose.override.yml sets it: "
        "set SPOTIFY_SOURCES in the shell"
    ]


def test_missing_files_are_reported(tmp_path: Path) -> None:
    found = problems(versions.check_image(tmp_path / "Dockerfile"))
    found += problems(ports.check_ports(tmp_path, {}))
    assert len([problem for problem in found if "cannot be read: run this in the project's" in problem]) == 2


def connection(**fields: object) -> str:
    return json.dumps({"conn_type": "generic", **fields})


def test_a_missing_variable_is_reported_for_each_connection() -> None:
    found = problems(reach.check_connections({}))
    assert found == [
        f"connection '{conn_id}' is not defined: set the variable {variable_name(conn_id)}"
        for conn_id in CONNECTION_IDS
    ]


def test_dead_connections_are_reported_without_passwords() -> None:
    nowhere = {"host": "127.0.0.1", "port": 1, "login": "somebody", "password": "hush-hush"}
    environ = {
        variable_name(conn_id): connection(**nowhere, schema="warehouse") for conn_id in CONNECTION_IDS
    }
    environ[variable_name("spotify_api")] = connection(
        **nowhere, extra={"api_url": "http://127.0.0.1:1/v1", "accounts_url": "http://127.0.0.1:1"}
    )
    found = problems(reach.check_connections(environ))
    assert len(found) == len(CONNECTION_IDS)
    for conn_id, problem in zip(CONNECTION_IDS, found, strict=True):
        assert conn_id in problem or "127.0.0.1:1" in problem
        assert "hush-hush" not in problem
        assert "\n" not in problem


def test_a_wrong_setting_and_a_missing_source_list_are_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SPOTIFY_PIPELINE_FETCH_TASKS", "many")
    assert "SPOTIFY_PIPELINE_FETCH_TASKS='many' cannot be used" in problems(reach.check_settings())[0]
    monkeypatch.delenv("SPOTIFY_PIPELINE_FETCH_TASKS")
    monkeypatch.setenv("SPOTIFY_PIPELINE_SOURCES", str(tmp_path / "absent.yml"))
    assert "absent.yml" in problems(reach.check_settings())[0]


def test_the_checks_depend_on_tools_and_connections(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for conn_id in CONNECTION_IDS:
        monkeypatch.delenv(variable_name(conn_id), raising=False)
    assert list(likely_ways()) == [Way.EMBEDDED]
    tool(tools, "astro", "Astro CLI Version: 1.45.0")
    monkeypatch.setenv(variable_name("spotify_lake"), "{}")
    assert list(likely_ways()) == [Way.EMBEDDED, Way.DOCKER, Way.CONNECTIONS]


def test_the_exit_status_says_whether_everything_is_right(tools: Path, tmp_path: Path) -> None:
    runner, app = CliRunner(), cli.build(["doctor"])
    good = runner.invoke(app, ["doctor", "embedded"])
    assert good.exit_code == 0, good.output
    shutil.copy(PROJECT_ROOT / "Dockerfile", tmp_path)
    bad = runner.invoke(app, ["doctor", "docker", "--project", str(tmp_path)])
    assert bad.exit_code == 1
    assert "wrong  docker is not installed" in bad.output
    assert "ok     image" in bad.output


def test_each_way_has_checks() -> None:
    assert all(list(examine(way, PROJECT_ROOT)) for way in Way)


def test_a_channel_of_alerts_without_its_connection_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(reach.check_alert_channels({})) == [], "none is set"
    monkeypatch.setenv("SPOTIFY_PIPELINE_ALERTS_SLACK_CONNECTION", "slack_alerts")
    monkeypatch.setenv("SPOTIFY_PIPELINE_ALERTS_EMAIL_TO", "ops@example.com")
    found = {
        finding.subject: finding.problem
        for finding in reach.check_alert_channels({"AIRFLOW_CONN_SMTP_DEFAULT": "smtp://mail.example.com"})
    }
    assert not found["alerts through smtp_default"]
    assert "AIRFLOW_CONN_SLACK_ALERTS" in found["alerts through slack_alerts"]


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (PermissionError(13, "Permission denied", "/x/Dockerfile"), "cannot be checked: /x/Dockerfile Perm"),
        (ValueError("postgresql://user:hidden-word@db"), "cannot be checked: ValueError"),
        (ConfigurationError("set the variable"), "set the variable"),
    ],
)
def test_an_error_in_a_check_is_a_finding(error: Exception, shown: str) -> None:
    def check() -> Findings:
        yield Finding("first")
        raise error

    first, second = guarded("image", check)
    assert first.ok
    assert shown in second.problem
    assert "hidden-word" not in second.problem
