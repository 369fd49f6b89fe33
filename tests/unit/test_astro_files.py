"""Tests the files that the Astro CLI reads: they are valid and agree with each other and with the code."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from spotify_pipeline.connections import (
    CONNECTION_IDS,
    SPOTIFY_ACCOUNT_KEY,
    SPOTIFY_API,
    SPOTIFY_LAKE,
    SPOTIFY_USER,
    ConnectionInfo,
    from_environment,
)
from spotify_pipeline.lake import Lake
from spotify_pipeline.settings import PREFIX, Settings
from spotify_pipeline.sources import load_sources
from spotify_pipeline.sources.model import SourceKind
from spotify_pipeline.sources.readable import unreadable
from spotify_pipeline.spotify.account_ids import AccountKey
from spotify_pipeline.spotify.client import address_of
from spotify_pipeline.spotify.endpoints import AppClass
from spotify_pipeline.spotify.login import Login
from spotify_sandbox.accounts.library import Library
from spotify_sandbox.accounts.playlists import Playlists
from spotify_sandbox.accounts.users import Users
from spotify_sandbox.catalogue.generated import GeneratedSource
from spotify_sandbox.cli import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET

ROOT = Path(__file__).resolve().parents[2]
# the services of the CLI's own compose template for Airflow 3, and those of them that run DAG code
CLI_SERVICES = {"postgres", "db-migration", "scheduler", "dag-processor", "api-server", "triggerer"}
AIRFLOW = ("scheduler", "dag-processor", "api-server", "triggerer")
PROJECT_IN_IMAGE = "/usr/local/airflow"


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def with_defaults(value: str) -> str:
    """Replace ${NAME:-default} by the default, as the CLI does if a variable is not set."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", value)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(
        with_defaults((ROOT / "docker-compose.override.yml").read_text())
    )
    return document


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


@pytest.fixture(scope="module")
def connections() -> dict[str, ConnectionInfo]:
    """Return the connections of airflow_settings.yaml, read as the pipeline reads them."""
    found = {}
    for entry in read("airflow_settings.yaml")["airflow"]["connections"]:
        fields = {key.removeprefix("conn_"): value for key, value in entry.items()}
        conn_id = fields.pop("id")
        fields = {"conn_type" if key == "type" else key: value for key, value in fields.items()}
        assert conn_id not in found
        found[conn_id] = from_environment(conn_id, {f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(fields)})
    return found


def own(services: dict[str, Any]) -> dict[str, Any]:
    return {name: service for name, service in services.items() if name not in CLI_SERVICES}


def test_the_connections_have_the_ids_that_the_code_uses(connections: dict[str, ConnectionInfo]) -> None:
    assert sorted(connections) == sorted([*CONNECTION_IDS, SPOTIFY_USER, SPOTIFY_ACCOUNT_KEY])


def test_no_connection_has_a_second_definition(services: dict[str, Any]) -> None:
    named = [key for service in services.values() for key in service.get("environment", {})]
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert not [key for key in named if key.startswith("AIRFLOW_CONN_")]
    assert "AIRFLOW_CONN_" not in dockerfile


def test_keys_of_extras_are_in_lower_case() -> None:
    # Airflow changes them to lower case on import
    for entry in read("airflow_settings.yaml")["airflow"]["connections"]:
        assert all(key == key.lower() for key in entry.get("conn_extra", {}))


def test_each_connection_has_host_and_port_of_a_service(
    connections: dict[str, ConnectionInfo], services: dict[str, Any]
) -> None:
    for conn_id, info in connections.items():
        host, port = info.host, info.port
        if conn_id == SPOTIFY_API:
            url = urlsplit(info.require("api_url"))
            assert (url.scheme, url.path) == ("http", "/v1")
            host, port = url.hostname, url.port
            assert info.require("accounts_url") == f"http://{host}:{port}"
            assert address_of(info, "api_url", "") == info.require("api_url")
        if conn_id in (SPOTIFY_USER, SPOTIFY_ACCOUNT_KEY):  # a login and a secret, without a host
            continue
        assert host is not None
        assert str(port) in {published.rsplit(":", 1)[1] for published in services[host]["ports"]}


def test_the_warehouse_s_logins_are_those_of_its_container(
    connections: dict[str, ConnectionInfo], services: dict[str, Any]
) -> None:
    environment = services["warehouse"]["environment"]
    for role in ("owner", "ingest", "dbt", "reader"):
        info = connections[f"warehouse_{role}"]
        assert (info.login, info.schema) == (f"spotify_{role}", environment["POSTGRES_DB"])
        assert info.password == environment[f"SPOTIFY_{role.upper()}_PASSWORD"]


def test_the_warehouse_s_script_gets_all_its_passwords(services: dict[str, Any]) -> None:
    mounts = dict(mount.split(":")[:2] for mount in services["warehouse"]["volumes"])
    script = next(
        host for host, inside in mounts.items() if inside.startswith("/docker-entrypoint-initdb.d/")
    )
    needed = set(re.findall(r"\$\{(\w+):\?\}", (ROOT / script).read_text()))
    assert len(needed) == 4
    assert needed <= set(services["warehouse"]["environment"])


def test_the_lake_s_keys_and_bucket_are_those_of_minio(
    connections: dict[str, ConnectionInfo], services: dict[str, Any]
) -> None:
    info, minio, maker = connections[SPOTIFY_LAKE], services["minio"], services["lake-bucket"]["environment"]
    assert info.login == minio["environment"]["MINIO_ROOT_USER"] == maker["LAKE_USER"]
    assert info.password == minio["environment"]["MINIO_ROOT_PASSWORD"] == maker["LAKE_PASSWORD"]
    assert info.schema == maker["LAKE_BUCKET"]
    assert Lake(info).address == maker["LAKE_URL"] == "http://minio:9000"


def test_the_connection_has_the_sandbox_s_app(connections: dict[str, ConnectionInfo]) -> None:
    info = connections[SPOTIFY_API]
    assert (info.login, info.password) == (DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET)


def test_the_sandbox_s_sources_are_in_its_catalogue() -> None:
    catalogue = GeneratedSource(seed=1, size=2000).on(date(2026, 11, 22))
    known = {artist.id for artist in catalogue.artists()}
    sources = load_sources(ROOT / "docker" / "sandbox" / "sources.yml")
    ids = [entry for source in sources for entry in source.ids if source.kind is SourceKind.ARTIST]
    assert len(ids) >= 10
    assert set(ids) <= known


def test_the_sandbox_s_user_may_read_the_listed_sources(
    connections: dict[str, ConnectionInfo], services: dict[str, Any]
) -> None:
    login = Login.from_connection(connections[SPOTIFY_USER])
    key = AccountKey.from_connection(connections[SPOTIFY_ACCOUNT_KEY])
    assert login.user_hash == key.user_hash("listener1")
    key.require_same(login.key_id)
    assert login.client_id == connections[SPOTIFY_API].login
    assert f"--refresh-token {login.refresh_token}" in services["sandbox"]["command"][-1]
    sources = load_sources(ROOT / "docker" / "sandbox" / "sources.yml")
    assert unreadable(sources, AppClass.DEVELOPMENT, lambda _: login.scopes) == []
    users = Users(1, 3)
    playlists = Playlists(users, Library(GeneratedSource(seed=1, size=2000), 1), 1)
    asked = [entry for source in sources for entry in source.ids if source.kind is SourceKind.PLAYLIST]
    assert asked
    assert all(found is not None and found.owner_id == "listener1" for found in map(playlists.find, asked))


def test_names_of_added_services_differ_from_the_cli_s(services: dict[str, Any]) -> None:
    # the CLI finds its containers by a part of the name
    for name in own(services):
        assert not [part for part in ("scheduler", "api-server", "webserver", "postgres") if part in name]
    assert set(AIRFLOW) <= set(services)


def test_added_services_are_in_the_cli_s_network(services: dict[str, Any]) -> None:
    assert all(service["networks"] == ["airflow"] for service in own(services).values())


def test_ports_are_published_on_loopback_only(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    ours = [port.split(":")[1] for port in published]
    assert len(ours) == len(set(ours))
    assert not {"5432", "8080"} & set(ours)  # the CLI's own


def test_every_variable_of_the_shell_has_a_default() -> None:
    text = (ROOT / "docker-compose.override.yml").read_text()
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    assert re.findall(r"\$\{[A-Z_]+\}|\$[A-Z]", code) == []


def test_images_are_pinned(services: dict[str, Any]) -> None:
    for name, service in own(services).items():
        assert re.search(r":\w[\w.-]+(@sha256:[0-9a-f]{64})?$", service["image"]), name
        assert not service["image"].endswith(":latest")
    assert "@sha256:" in services["minio"]["image"]


def test_every_mounted_path_exists(services: dict[str, Any], compose: dict[str, Any]) -> None:
    for name, service in services.items():
        for mount in service.get("volumes", []):
            host = mount.split(":")[0]
            assert (ROOT / host).exists() if host.startswith(".") else host in compose["volumes"], (
                name,
                mount,
            )


def test_every_airflow_service_has_the_same_code_and_settings(services: dict[str, Any]) -> None:
    inside = {mount.split(":")[1] for mount in services["scheduler"]["volumes"]}
    assert {f"{PROJECT_IN_IMAGE}/src", f"{PROJECT_IN_IMAGE}/dbt/models"} <= inside
    assert f"{PROJECT_IN_IMAGE}/dbt" not in inside  # it would hide the manifest in the image
    assert all(services[name] == services["scheduler"] for name in AIRFLOW)


def test_only_existing_settings_are_set(services: dict[str, Any]) -> None:
    ours = {key for key in services["scheduler"]["environment"] if key.startswith(PREFIX)}
    assert ours
    assert {key.removeprefix(PREFIX).lower() for key in ours} <= set(Settings.model_fields)
    sources = services["scheduler"]["environment"][f"{PREFIX}SOURCES"]
    assert (ROOT / sources.removeprefix(f"{PROJECT_IN_IMAGE}/")).is_file()


def test_dbt_docs_are_written_where_the_api_server_reads(services: dict[str, Any]) -> None:
    for name in AIRFLOW:
        variables = services[name]["environment"]
        folder = variables[f"{PREFIX}DBT_DOCS_DIR"]
        [project] = json.loads(variables["AIRFLOW__COSMOS__DBT_DOCS_PROJECTS"]).values()
        assert project["dir"] == folder
        assert f"dbt_docs:{folder}" in services[name]["volumes"]
    # a volume gets the owner of the folder in the image
    assert f"mkdir {Path(folder).name}" in (ROOT / "Dockerfile").read_text()


def test_the_image_has_a_python_for_dbt_and_the_manifest() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert "FROM astrocrpublic.azurecr.io/runtime:3.3-8-python-3.12" in lines
    assert any(line.startswith("RUN python -m spotify_stack.dbt_manifest ") for line in lines)
    assert any(f"PYTHONPATH={PROJECT_IN_IMAGE}/src:" in line for line in lines)


def test_files_that_the_build_copies_exist() -> None:
    # the ONBUILD steps of the base image need both; no Debian package is needed
    assert (ROOT / "packages.txt").read_text() == ""
    assert (ROOT / "requirements.txt").is_file()


def test_secrets_and_local_state_are_not_in_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {".env", ".git", ".venv", "build", "airflow_settings.yaml", "dbt/target"} <= set(ignored)
    # the image needs these
    assert not {"src", "dags", "dbt", "include", "config", "docker"} & set(ignored)


def test_the_settings_of_the_cli() -> None:
    settings = read(".astro/config.yaml")
    assert settings["project"]["name"] == "spotify-pipeline"
    assert settings["disable_astro_run"] is True
    # the image of Postgres 18 refuses the folder that the CLI mounts
    assert 13 <= int(settings["postgres"]["tag"].split(".")[0]) <= 17
