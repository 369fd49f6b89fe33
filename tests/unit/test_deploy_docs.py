"""Tests that every option, setting and command in docs/deploy.md exists."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from spotify_pipeline.cli import main as cli
from spotify_pipeline.settings import Settings
from spotify_pipeline.warehouse.connection import TLS_OPTIONS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "deploy.md").read_text()
LINE = re.compile(r"^AIRFLOW__([A-Z_]+?)__([A-Z_]+)=(.+)$", re.MULTILINE)
# options that Airflow's own list does not have: of Cosmos 1.15.1, and of providers that are not always
# installed: celery 3.26.0, cncf.kubernetes 10.25.0
OF_PROVIDERS = {
    "celery": {
        "broker_url",
        "result_backend",
        "worker_concurrency",
        "operation_timeout",
    },
    "cosmos": {"dbt_docs_projects"},
    "celery_broker_transport_options": {"visibility_timeout"},
    "kubernetes_executor": {
        "namespace",
        "worker_container_repository",
        "worker_container_tag",
        "pod_template_file",
        "worker_pods_creation_batch_size",
        "delete_worker_pods",
    },
}
EXECUTORS = {"LocalExecutor", "CeleryExecutor", "KubernetesExecutor"}


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    """Return the options of the installed Airflow by section."""
    templates = importlib.import_module("airflow.config_templates")
    document = yaml.safe_load((Path(templates.__path__[0]) / "config.yml").read_text())
    return {section: content["options"] for section, content in document.items()}


def test_every_option_shown_exists(known: dict[str, Any]) -> None:
    shown = LINE.findall(PAGE)
    assert len(shown) >= 20
    for section, option, _ in shown:
        options = set(known.get(section.lower(), ())) | OF_PROVIDERS.get(section.lower(), set())
        assert option.lower() in options, f"{section}.{option}"


def test_options_of_celery_are_those_of_its_provider() -> None:
    provider = pytest.importorskip("airflow.providers.celery.get_provider_info", reason="needs `make celery`")
    sections = provider.get_provider_info()["config"]
    for name in ("celery", "celery_broker_transport_options"):
        assert OF_PROVIDERS[name] <= sections[name]["options"].keys()


def test_packages_of_celery_are_those_of_the_lock() -> None:
    pins = re.findall(r"^[a-z-]+==[0-9.]+$", PAGE.split("### Celery")[1].split("### ")[0], re.MULTILINE)
    locked = (ROOT / "requirements-celery.lock").read_text()
    assert len(pins) == 3
    assert [pin for pin in pins if f"\n{pin} " not in locked] == []


def test_settings_shown_exist() -> None:
    shown = {name.lower() for name in re.findall(r"\bSPOTIFY_PIPELINE_([A-Z_]+)\b", PAGE)}
    # a variable of the command `warehouse bootstrap`, not a setting of tasks
    assert shown - {"warehouse_admin_url"} <= Settings.model_fields.keys()


def test_values_have_the_type_of_their_option(known: dict[str, Any]) -> None:
    for section, option, value in LINE.findall(PAGE):
        kind = known.get(section.lower(), {}).get(option.lower(), {}).get("type", "string")
        if kind == "integer":
            assert value.isdigit(), option
        elif kind == "boolean":
            assert value in {"True", "False"}, option


def test_executors_are_names_that_airflow_knows() -> None:
    from airflow.executors.executor_loader import ExecutorLoader

    named = {name for value in re.findall(r"CORE__EXECUTOR=(.+)", PAGE) for name in value.split(",")}
    assert named == EXECUTORS
    assert named <= set(ExecutorLoader.executors)


def test_arguments_of_the_secrets_backend_are_json() -> None:
    (text,) = re.findall(r"BACKEND_KWARGS=(.+)", PAGE)
    assert json.loads(text)["connections_prefix"]


def test_every_command_shown_exists() -> None:
    shown = re.findall(r"^spotify-pipeline (\w+)(?: (\w+))?$", PAGE, re.MULTILINE)
    assert ("doctor", "") in shown
    for name, sub in shown:
        arguments = [name, *([sub] if sub else []), "--help"]
        assert CliRunner().invoke(cli.build([name]), arguments).exit_code == 0, arguments


def test_tls_options_of_a_connection_are_listed() -> None:
    section = PAGE.split("\n## TLS\n")[1].split("\n## ")[0]
    assert [name for name in TLS_OPTIONS if name not in section] == []
