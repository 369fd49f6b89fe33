"""Tests deploy/kubernetes: the pod is valid, and the values agree with the image and Airflow."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from kubernetes import client  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
HOME = "/usr/local/airflow"
# of apache-airflow-providers-cncf-kubernetes 10.25.0, which this project does not install
KUBERNETES_OPTIONS = {"worker_pods_creation_batch_size", "delete_worker_pods"}


@pytest.fixture(scope="module")
def pod() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((FOLDER / "pod.yaml").read_text())
    return content


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text())
    return content


def as_kubernetes_reads_it(content: object) -> object:
    """Convert a pod to Kubernetes' API model and back, which drops unknown names."""
    api = client.ApiClient()
    read = api.deserialize(SimpleNamespace(data=json.dumps(content)), "V1Pod")
    found: object = api.sanitize_for_serialization(read)
    return found


def test_kubernetes_knows_every_field_of_the_pod(pod: dict[str, Any]) -> None:
    assert as_kubernetes_reads_it(pod) == pod


def test_an_unknown_field_is_noticed(pod: dict[str, Any]) -> None:
    misspelt = pod | {"spec": pod["spec"] | {"restartPolici": "Never"}}
    assert as_kubernetes_reads_it(misspelt) == pod


def test_the_task_runs_in_the_container_that_airflow_expects(pod: dict[str, Any]) -> None:
    assert [container["name"] for container in pod["spec"]["containers"]] == ["base"]
    assert pod["spec"]["restartPolicy"] == "Never", "Airflow tries again, not Kubernetes"


def test_airflow_s_home_is_the_image_s(values: dict[str, Any]) -> None:
    assert values["airflowHome"] == HOME
    assert f"PYTHONPATH={HOME}/src:{HOME}/config" in (ROOT / "Dockerfile").read_text()
    assert values["airflowLocalSettings"] is None, "the chart's file would hide that of the image"


def test_every_option_in_the_values_exists(values: dict[str, Any]) -> None:
    templates = importlib.import_module("airflow.config_templates")
    known = yaml.safe_load((Path(templates.__path__[0]) / "config.yml").read_text())
    for section, options in values["config"].items():
        wanted = KUBERNETES_OPTIONS if section == "kubernetes_executor" else known[section]["options"].keys()
        assert options.keys() <= wanted, section


def test_both_files_name_the_same_image(pod: dict[str, Any], values: dict[str, Any]) -> None:
    image = values["images"]["airflow"]
    assert pod["spec"]["containers"][0]["image"] == f"{image['repository']}:{image['tag']}"
    assert values["workers"]["resources"] == pod["spec"]["containers"][0]["resources"]
