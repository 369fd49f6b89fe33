"""Tests that the report is written to a real object store only when it has changed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from spotify_pipeline.connections import SPOTIFY_LAKE, ConnectionInfo
from spotify_pipeline.report import publish_report
from spotify_pipeline.settings import Settings
from spotify_pipeline.stages.runtime import Runtime
from spotify_stack.object_store import HOST, SeaweedServer
from tests.integration.report import report_marts as marts

pytestmark = pytest.mark.integration
DAY = date(2021, 3, 18)
KEY = "reports/ingest_date=2021-03-18/report.html"


@pytest.fixture
def runtime(
    s3_server: SeaweedServer, reader: ConnectionInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Runtime:
    monkeypatch.setenv("SPOTIFY_PIPELINE_REPORT_DIR", str(tmp_path / "reports"))
    lake = ConnectionInfo(
        conn_id=SPOTIFY_LAKE,
        host=HOST,
        port=s3_server.port,
        login=s3_server.access_key,
        password=s3_server.secret_key,
        schema="spotify-lake",
    )
    connections = {lake.conn_id: lake, reader.conn_id: reader}
    runtime = Runtime(settings=Settings.load(), lookup=connections.__getitem__)
    runtime.lake.delete(KEY)
    return runtime


def test_the_page_is_written_to_the_store_and_the_folder(
    warehouse: psycopg.Connection, runtime: Runtime, tmp_path: Path
) -> None:
    marts.add_artist(warehouse, "ar1", "Sigur Rós", DAY)
    marts.add_day(warehouse, DAY, new_artists=1)
    assert publish_report(runtime, DAY) == KEY
    stored = runtime.lake.get(KEY).data
    assert stored.startswith(b"<!doctype html>")
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["report-2021-03-18.html"]
    assert (tmp_path / "reports" / "report-2021-03-18.html").read_bytes() == stored


def test_the_object_is_written_again_only_if_marts_changed(
    warehouse: psycopg.Connection, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[str] = []
    put = runtime.lake.put

    def recorded(key: str, *arguments: Any, **options: Any) -> Any:
        writes.append(key)
        return put(key, *arguments, **options)

    monkeypatch.setattr(runtime.lake, "put", recorded)
    publish_report(runtime, DAY)
    publish_report(runtime, DAY)
    assert writes == [KEY]
    marts.add_artist(warehouse, "ar1", "Björk", DAY)
    publish_report(runtime, DAY)
    assert writes == [KEY, KEY]
    assert b"Nothing here yet" not in runtime.lake.get(KEY).data
