"""Checks the services of `astro dev start` without Docker: the CLI's and the project's, merged."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.integration.astro import compose

AIRFLOW = ("scheduler", "dag-processor", "api-server", "triggerer")

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT, "uniqueItems": True}
# the part of the Compose specification that these files use; any other key is a mistake
SERVICE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["image", "networks"],
    "properties": {
        "image": TEXT,
        "command": {"type": ["string", "array"]},
        "entrypoint": TEXTS,
        "user": TEXT,
        "environment": {
            "type": "object",
            "propertyNames": {"pattern": "^[A-Z][A-Z0-9_]*$"},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
        "ports": {"type": "array", "items": {"type": "string", "pattern": r"^127\.0\.0\.1:\d+:\d+$"}},
        "volumes": {"type": "array", "items": {"type": "string", "pattern": "^[^:]+:/[^:]+(:ro|:z|:ro,z)?$"}},
        "networks": TEXTS,
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["condition"],
                "properties": {
                    "condition": {
                        "enum": ["service_started", "service_healthy", "service_completed_successfully"]
                    }
                },
            },
        },
        "healthcheck": {
            "type": "object",
            "additionalProperties": False,
            "required": ["test", "interval", "timeout", "retries"],
            "properties": {
                "test": {"type": "array", "prefixItems": [{"enum": ["CMD", "CMD-SHELL"]}], "items": TEXT},
                "interval": {"type": "string", "pattern": r"^\d+s$"},
                "timeout": {"type": "string", "pattern": r"^\d+s$"},
                "retries": {"type": "integer"},
            },
        },
        "deploy": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"replicas": {"type": "integer", "minimum": 0}},
        },
        "security_opt": TEXTS,
        "cap_drop": TEXTS,
    },
}


@pytest.fixture(scope="module")
def override() -> dict[str, Any]:
    return compose.interpolated(compose.OVERRIDE)


@pytest.fixture(scope="module")
def services(override: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose.merged(compose.interpolated(compose.CLI), override)["services"]
    return found


def test_every_service_is_well_formed(services: dict[str, Any]) -> None:
    validator = Draft202012Validator(SERVICE)
    errors = {name: [e.message for e in validator.iter_errors(service)] for name, service in services.items()}
    assert {name: found for name, found in errors.items() if found} == {}


def test_every_network_and_named_volume_is_declared(override: dict[str, Any]) -> None:
    whole = compose.merged(compose.interpolated(compose.CLI), override)
    for name, service in whole["services"].items():
        assert set(service["networks"]) <= set(whole["networks"]), name
        named = {mount.split(":")[0] for mount in service["volumes"] if not mount.startswith(".")}
        assert named <= set(whole["volumes"]), name


def test_every_service_can_start_and_airflow_starts_last(services: dict[str, Any]) -> None:
    order = list(compose.start_order(services))
    assert sorted(order) == sorted(services)
    for name in AIRFLOW:
        for needed in ("db-migration", "warehouse", "minio", "lake-bucket"):
            assert order.index(needed) < order.index(name)


def test_each_condition_of_depends_on_can_become_true(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for needed, how in service["depends_on"].items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[needed], (name, needed)
            if how["condition"] == "service_completed_successfully":
                # a service that restarts never completes
                assert "restart" not in services[needed], (name, needed)


def test_the_cli_s_settings_are_kept_and_the_project_s_added(services: dict[str, Any]) -> None:
    cli = compose.interpolated(compose.CLI)["services"]
    for name in AIRFLOW:
        kept = cli[name]["environment"].items()
        assert kept <= services[name]["environment"].items(), "the override changes a setting of the CLI"
        assert "SPOTIFY_PIPELINE_SOURCES" in services[name]["environment"]
        assert services[name]["depends_on"]["db-migration"] == {"condition": "service_completed_successfully"}
        assert set(cli[name]["volumes"]) < set(services[name]["volumes"])


def test_no_port_of_this_machine_is_published_twice(services: dict[str, Any]) -> None:
    published = [port.split(":")[1] for service in services.values() for port in service.get("ports", [])]
    assert len(published) == len(set(published))


def test_services_run_without_root_where_images_allow_it(
    services: dict[str, Any],
) -> None:
    # Postgres starts as root to own its folder and then becomes `postgres`; MinIO needs rights to own /data
    for name in ("lake-bucket", "sandbox", "minio"):
        assert services[name]["security_opt"] == ["no-new-privileges:true"]
    for name in ("lake-bucket", "sandbox"):
        assert services[name]["cap_drop"] == ["ALL"]
    assert services["sandbox"]["user"] == "65534:65534"
    assert not [name for name, service in services.items() if service.get("privileged")]


def test_the_sandbox_can_be_left_out_and_no_service_needs_it(services: dict[str, Any]) -> None:
    without = compose.interpolated(compose.OVERRIDE, SPOTIFY_SANDBOX_REPLICAS="0")
    assert without["services"]["sandbox"]["deploy"]["replicas"] == 0
    assert not [name for name, service in services.items() if "sandbox" in service["depends_on"]]


def test_a_cycle_and_a_missing_service_are_found() -> None:
    with pytest.raises(AssertionError, match="depend on each other"):
        list(compose.start_order({"a": {"depends_on": ["b"]}, "b": {"depends_on": ["a"]}}))
    with pytest.raises(AssertionError, match="or on a missing service"):
        list(compose.start_order({"a": {"depends_on": ["absent"]}}))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with both Compose files, as the CLI has them."""
    folder = tmp_path_factory.mktemp("project")
    for file in (compose.CLI, compose.OVERRIDE):
        shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="module")
def reference() -> list[str]:
    command = compose.reference_command()
    if command is None:
        pytest.skip("needs Docker, or the reference implementation: make compose-spec (needs Go)")
    return command


def test_merging_equals_the_reference_implementation(
    reference: list[str], project: Path, services: dict[str, Any]
) -> None:
    read = compose.merged_by_reference(reference, project, project / compose.CLI.name, compose.OVERRIDE)[
        "services"
    ]
    assert sorted(read) == sorted(services)
    for name, service in services.items():
        environment = read[name].get("environment") or {}
        if isinstance(environment, list):
            environment = dict(entry.split("=", 1) for entry in environment)
        assert _texts(environment) == _texts(service["environment"]), name
        conditions = {
            needed: how["condition"] for needed, how in (read[name].get("depends_on") or {}).items()
        }
        assert conditions == {needed: how["condition"] for needed, how in service["depends_on"].items()}
        targets = {mount["target"] for mount in read[name].get("volumes") or []}
        assert targets == {mount.split(":")[1] for mount in service["volumes"]}
        ports = {(port["host_ip"], str(port["published"])) for port in read[name].get("ports") or []}
        assert ports == {tuple(port.split(":")[:2]) for port in service.get("ports", [])}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("warehouse", "enviroment"), {}),
        (("warehouse", "healthcheck"), {"tests": ["CMD", "true"]}),
        (("lake-bucket", "depends_on"), {"minio": {"condition": "service_ready"}}),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_schema_and_reference_both_refuse_a_mistake(
    reference: list[str], project: Path, tmp_path: Path, path: tuple[str, str], value: object
) -> None:
    broken = compose.interpolated(compose.OVERRIDE)
    broken["services"][path[0]][path[1]] = value
    file = tmp_path / "broken.yml"
    file.write_text(yaml.safe_dump(broken))
    with pytest.raises(AssertionError):
        compose.merged_by_reference(reference, project, project / compose.CLI.name, file)
    whole = compose.merged(compose.interpolated(compose.CLI), broken)
    assert not Draft202012Validator(SERVICE).is_valid(whole["services"][path[0]])


def _texts(environment: dict[str, Any]) -> dict[str, str]:
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in environment.items()
    }


def test_the_sandbox_installs_its_packages_once(services: dict[str, Any], tmp_path: Path) -> None:
    """Run the container's command with stand-ins for pip and Python."""
    (script,) = [part for part in services["sandbox"]["command"] if "requirements.txt" in part]
    listed, kept, programs = tmp_path / "sandbox", tmp_path / "kept", tmp_path / "bin"
    for folder in (listed, kept, programs):
        folder.mkdir()
    (listed / "requirements.txt").write_text("first==1\n")
    for name in ("pip", "python"):
        program = programs / name
        program.write_text(f'#!/bin/sh\necho {name}\n[ {name} = python ] || mkdir -p "$5"\n')
        program.chmod(0o755)
    script = script.replace("/opt/sandbox", str(listed)).replace("/var/tmp", str(kept))  # noqa: S108

    def start() -> list[str]:
        path = f"{programs}:{os.environ['PATH']}"
        done = subprocess.run(  # noqa: S603 - the command line of the container
            ["/bin/sh", "-c", script], env={"PATH": path}, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    assert [start(), start()] == [["pip", "python"], ["python"]]
    (listed / "requirements.txt").write_text("first==2\n")
    assert [start(), start()] == [["pip", "python"], ["python"]]
