"""Tests promise 9 with Spark: no password is in its UI, event log, command lines or output."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from spotify_stack.ports import PortReservation
from tests.integration.pipeline import Pipeline
from tests.integration.spark.driving import MERGE, held_at

pytestmark = [pytest.mark.integration, pytest.mark.slow]
PAGES = ("jobs/", "stages/", "storage/", "environment/", "executors/", "SQL/")
REST = ("environment", "jobs", "stages", "allexecutors", "sql", "storage/rdd")


def listening(process: psutil.Process) -> set[str]:
    """Addresses that a process and those below it listen at."""
    found = set()
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.Error):  # a worker that has just ended
            found |= {
                connection.laddr.ip
                for connection in each.net_connections(kind="inet")
                if connection.status == psutil.CONN_LISTEN
            }
    return found


def test_promise_9_spark_shows_no_password(
    two_days: Pipeline, port_reservation: PortReservation, tmp_path: Path, spark: Any
) -> None:
    lake, ingest = (two_days.runtime.lookup(name) for name in ("spotify_lake", "warehouse_ingest"))
    secrets = [str(lake.password), str(ingest.password)]
    port = port_reservation.choose(15_700)
    conf = {
        "spark.ui.enabled": "true",
        "spark.ui.port": str(port),
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": tmp_path.as_uri(),
        "spark.eventLog.compress": "false",
    }
    seen: dict[str, str] = {}
    with held_at(two_days, MERGE, SPOTIFY_PIPELINE_SPARK_CONF=json.dumps(conf)) as process:
        driver = psutil.Process(process.pid)
        for child in (driver, *driver.children(recursive=True)):
            with suppress(psutil.Error):
                seen[f"command line of {child.pid}"] = " ".join(child.cmdline())
        assert any("SparkSubmit" in text for text in seen.values()), "the JVM's command line was read"
        addresses = listening(driver)
        assert "::ffff:127.0.0.1" in addresses or "127.0.0.1" in addresses
        assert addresses <= {"127.0.0.1", "::ffff:127.0.0.1"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            application = http.get("/api/v1/applications").json()[0]["id"]
            pages = [f"/{page}" for page in PAGES]
            pages += [f"/api/v1/applications/{application}/{resource}" for resource in REST]
            for page in pages:
                response = http.get(page)
                assert response.status_code == 200, page
                seen[page] = response.text
    for path in tmp_path.rglob("*"):
        if path.is_file():
            seen[path.name] = path.read_text(errors="replace")
    assert any("SparkListenerJobStart" in text for text in seen.values()), "the event log was found"
    assert any("spark.eventLog.dir" in text for text in seen.values()), "the environment was shown"
    assert [(where, secret) for where, text in seen.items() for secret in secrets if secret in text] == []
