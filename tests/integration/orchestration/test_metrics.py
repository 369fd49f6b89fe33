"""Tests of metrics sent through Airflow's OpenTelemetry to a real OTLP receiver over HTTP."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from spotify_stack.airflow_environment import metrics

pytestmark = [pytest.mark.integration, pytest.mark.slow]
# what a task's process does: it starts metrics, and counts the pipeline's numbers
TASK = """
from airflow.sdk.configuration import conf
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils
from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.orchestration import metrics
from spotify_pipeline.orchestration.dbt.results import NodeResult, count_results
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.reconcile import Verdict

stats.initialize(
    factory=stats_utils.get_stats_factory(), export_legacy_names=conf.getboolean("metrics", "legacy_names_on")
)
states = [SourceState("a", counts={"track": KindCounts(10, 7, 2, 1, 0), "album": KindCounts(5, 5, 0, 0, 0)})]
metrics.count_sources(states, Verdict(complete=["a"], failed={"b": "why"}))
count_results([NodeResult("test.p.unique", "warn", 0.25, None, 3, "said")] * 2)
metrics.count_alert("DataTestWarned", "warning")
"""


@contextmanager
def receiver() -> Iterator[tuple[str, list[ExportMetricsServiceRequest]]]:
    received: list[ExportMetricsServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/metrics":
                received.append(ExportMetricsServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(ExportMetricsServiceResponse().SerializeToString())

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", received
    finally:
        server.shutdown()
        thread.join(30)


def run(home: Path, more: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "OTEL"))}
    return subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-c", TASK],
        env=environ | {"AIRFLOW_HOME": str(home), "NO_PROXY": "127.0.0.1"} | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def points(requests: list[ExportMetricsServiceRequest]) -> dict[tuple[str, frozenset[tuple[str, str]]], Any]:
    found = {}
    for request in requests:
        for resource in request.resource_metrics:
            names = {a.key: a.value.string_value for a in resource.resource.attributes}
            assert names["service.name"] == "spotify-pipeline"
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in (*metric.sum.data_points, *metric.exponential_histogram.data_points):
                        tags = frozenset((a.key, a.value.string_value) for a in point.attributes)
                        found[metric.name, tags] = point
    return found


def test_the_pipeline_s_counts_are_sent_when_a_task_ends(tmp_path: Path) -> None:
    with receiver() as (url, received):
        done = run(tmp_path, metrics({"SPOTIFY_PIPELINE_METRICS": f"{url}/"}))
    assert done.returncode == 0, done.stderr
    found = points(received)

    def value(name: str, **tags: str) -> float:
        point = found[f"airflow.spotify.{name}", frozenset(tags.items())]
        return float(point.as_int or point.as_double)

    assert {o: value("records", outcome=o) for o in ("fetched", "loaded", "quarantined", "duplicates")} == {
        "fetched": 15,
        "loaded": 12,
        "quarantined": 2,
        "duplicates": 1,
    }
    assert value("sources", status="complete") == value("sources", status="failed") == 1
    assert value("dbt_nodes", resource_type="test", status="warn") == 2
    assert value("alerts", cause="DataTestWarned", severity="warning") == 1
    timer = found["airflow.spotify.dbt_node.duration", frozenset({("resource_type", "test")})]
    assert (timer.count, timer.sum) == (2, 500.0), "the unit is milliseconds, as in all timers of Airflow"


def test_nothing_is_sent_by_default(tmp_path: Path) -> None:
    assert metrics({}) == {}
    with receiver() as (_, received):
        assert run(tmp_path, {}).returncode == 0
    assert received == []


def test_a_receiver_that_is_down_does_not_fail_the_task(tmp_path: Path) -> None:
    more = metrics({"SPOTIFY_PIPELINE_METRICS": "http://127.0.0.1:1"})
    done = run(tmp_path, more | {"OTEL_EXPORTER_OTLP_TIMEOUT": "1"})
    assert done.returncode == 0, done.stderr
