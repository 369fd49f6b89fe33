"""Tests Spark on a standalone cluster, also if a worker with its executor is killed during the replay."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from spotify_pipeline.warehouse.connection import connect
from spotify_stack.spark_cluster import SparkCluster, scratch_spark
from tests.integration.pipeline import Pipeline
from tests.integration.spark.conftest import empty
from tests.integration.spark.driving import LANDING, replaying, wait_until, waiting
from tests.integration.spark.engines import differences, found, with_local

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def cluster(spark_installed: None, tmp_path: Path) -> Iterator[SparkCluster]:
    """A master and two workers, each with one executor of one core."""
    with scratch_spark(tmp_path, workers=2) as started:
        yield started


def settings_of(cluster: SparkCluster) -> dict[str, str]:
    """The connection as Airflow's Spark provider stores it, and tasks enough for both executors."""
    host, _, port = cluster.master.rpartition(":")
    extra = {"deploy-mode": "client", "spark-binary": "spark-submit", "queue": None}
    connection = {"conn_type": "spark", "host": host, "port": int(port), "extra": json.dumps(extra)}
    tasks = {"spark.sql.shuffle.partitions": "4", "spark.sql.adaptive.coalescePartitions.enabled": "false"}
    return {
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps(connection),
        "SPOTIFY_PIPELINE_SPARK_MASTER": "",
        "SPOTIFY_PIPELINE_SPARK_CONF": json.dumps(cluster.conf | tasks),
    }


def executors_of(worker: psutil.Process) -> list[psutil.Process]:
    return [child for child in worker.children() if "java" in child.name()]


def test_promise_2_a_cluster_writes_the_same_as_one_machine(
    loaded: Pipeline, cluster: SparkCluster, tmp_path: Path
) -> None:
    empty(loaded)
    with_local(loaded)
    expected = found(loaded)
    empty(loaded)

    with replaying(loaded, **settings_of(cluster)) as process:
        output = process.communicate(timeout=300)[0].decode(errors="replace")

    assert f"starting Spark with master {cluster.master}" in output
    assert differences(expected, found(loaded)) == {}, output
    # logs of executors have their command lines
    logs = [path.read_text(errors="replace") for path in tmp_path.rglob("stderr")]
    assert len(logs) == 2
    assert all("Spark Executor Command" in log for log in logs)
    secrets = [str(loaded.runtime.lookup(name).password) for name in ("spotify_lake", "warehouse_ingest")]
    assert not [secret for secret in secrets for log in logs if secret in log]


def test_promise_3_a_killed_worker_is_replaced(two_days: Pipeline, cluster: SparkCluster) -> None:
    with_local(two_days)
    expected = found(two_days)
    empty(two_days)

    with connect(two_days.runtime.lookup("warehouse_owner")) as conn:
        conn.execute(LANDING.encode())
        with replaying(two_days, **settings_of(cluster)) as process:
            wait_until(lambda: waiting(two_days) > 1 or process.poll() is not None, "both executors land")
            lost, kept = cluster.workers
            executors = [executors_of(worker) for worker in (lost, kept)]
            for each in (lost, *executors[0]):
                each.kill()
            conn.rollback()
            output = process.communicate(timeout=300)[0].decode(errors="replace")

    assert all(executors), output
    assert process.returncode == 0, output
    assert differences(expected, found(two_days)) == {}, output
