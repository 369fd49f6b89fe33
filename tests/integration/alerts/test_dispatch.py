"""Tests that an alert is sent once per cause and partition, also while the warehouse or store is down."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spotify_pipeline.alerts.alert import Alert
from spotify_pipeline.alerts.dispatch import FileChannel, dispatch
from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import ConnectionMissing
from spotify_pipeline.lake import Lake
from spotify_stack.object_store import S3Server
from tests.integration.warehouse.warehouse_database import Warehouse

pytestmark = pytest.mark.integration
ALERT = Alert(
    "DataTestFailed", "a test failed", "dbt says so", "nothing published", "fix it", "2026-11-05", "t"
)


class Recording:
    """A channel that keeps the alerts it receives, or fails when it is down."""

    def __init__(self, name: str, *, down: bool = False, before: Callable[[], object] = lambda: None) -> None:
        self.name = name
        self.down = down
        self.received: list[Alert] = []
        self._before = before

    def send(self, alert: Alert) -> None:
        self._before()
        if self.down:
            raise OSError("https://hooks.example/SECRET-PATH is down")
        self.received.append(alert)


@pytest.fixture
def warehouse(migrated_database: str) -> Warehouse:
    return Warehouse(migrated_database)


@pytest.fixture
def lake_info(s3_server: S3Server) -> ConnectionInfo:
    return ConnectionInfo(
        "spotify_lake",
        host="127.0.0.1",
        port=s3_server.port,
        login=s3_server.access_key,
        password=s3_server.secret_key,
        schema=f"alerts-{uuid.uuid4().hex[:8]}",
    )


@pytest.fixture
def lake(lake_info: ConnectionInfo) -> Lake:
    made = Lake(lake_info)
    made.create_bucket()
    return made


def no_warehouse() -> ConnectionInfo:
    raise ConnectionMissing("connection 'warehouse_ingest' is not defined")


def no_lake() -> Lake:
    raise ConnectionMissing("connection 'spotify_lake' is not defined")


def test_a_repeated_alert_is_sent_once_and_counted(warehouse: Warehouse, lake: Lake) -> None:
    channel = Recording("file")
    for _ in range(3):
        dispatch(ALERT, [channel], warehouse=warehouse.info, lake=lambda: lake)
    assert len(channel.received) == 1
    assert warehouse.rows("SELECT cause, subject, times_seen, delivered_to FROM ops.alert") == [
        ("DataTestFailed", "t", 3, ["file"])
    ]


def test_another_partition_cause_or_subject_is_sent_too(warehouse: Warehouse, lake: Lake) -> None:
    channel = Recording("file")
    others: list[dict[str, Any]] = [
        {"partition": "2026-11-06"},
        {"cause": "Other"},
        {"subject": "u"},
        {"partition": ""},
    ]
    for other in [{}, *others]:
        dispatch(replace(ALERT, **other), [channel], warehouse=warehouse.info, lake=lambda: lake)
    assert len(channel.received) == 5


def test_one_of_several_concurrent_tasks_sends_the_alert(warehouse: Warehouse, lake: Lake) -> None:
    """The first delivery waits until the other tasks have started."""
    all_started = threading.Barrier(4, timeout=60)
    channel = Recording("file", before=all_started.wait)

    def run_task(first: bool) -> None:
        if not first:
            all_started.wait()
        dispatch(ALERT, [channel], warehouse=warehouse.info, lake=lambda: lake)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run_task, [True, False, False, False]))
    assert len(channel.received) == 1
    assert warehouse.row("SELECT times_seen FROM ops.alert") == (4,)


def test_only_the_failed_channel_is_tried_again(
    warehouse: Warehouse, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    mail, slack = Recording("email"), Recording("slack", down=True)
    with caplog.at_level(logging.WARNING):
        sent = dispatch(ALERT, [mail, slack], warehouse=warehouse.info, lake=lambda: lake)
    assert sent == ["email"]
    warnings = [record.message for record in caplog.records if "slack cannot be used" in record.message]
    assert len(warnings) == 1
    assert "SECRET-PATH" not in caplog.text, "the address of a webhook is a secret"
    slack.down = False
    assert dispatch(ALERT, [mail, slack], warehouse=warehouse.info, lake=lambda: lake) == ["slack"]
    assert (len(mail.received), len(slack.received)) == (1, 1)
    assert warehouse.row("SELECT delivered_to FROM ops.alert") == (["email", "slack"],)


def test_an_alert_without_a_channel_is_written_to_the_table(warehouse: Warehouse, lake: Lake) -> None:
    assert dispatch(ALERT, [], warehouse=warehouse.info, lake=lambda: lake) == []
    assert warehouse.row("SELECT title, delivered_to FROM ops.alert") == ("a test failed", [])


def test_the_store_prevents_repeats_while_the_warehouse_is_down(lake: Lake) -> None:
    channel = Recording("file")
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(dispatch, ALERT, [channel], warehouse=no_warehouse, lake=lambda: lake)
    dispatch(replace(ALERT, partition="2026-11-06"), [channel], warehouse=no_warehouse, lake=lambda: lake)
    assert sorted(alert.partition for alert in channel.received) == ["2026-11-05", "2026-11-06"]


def test_an_alert_is_sent_while_warehouse_and_store_are_down() -> None:
    channel = Recording("file")
    assert dispatch(ALERT, [channel], warehouse=no_warehouse, lake=no_lake) == ["file"]


def test_a_sent_alert_is_not_sent_again_when_its_row_is_lost(warehouse: Warehouse, lake: Lake) -> None:
    """The warehouse ends the connection while the channel sends."""

    def end_connections() -> None:
        warehouse.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE usename = 'spotify_ingest' AND datname = current_database()"
        )

    channel = Recording("file", before=end_connections)
    assert dispatch(ALERT, [channel], warehouse=warehouse.info, lake=lambda: lake) == ["file"]
    assert len(channel.received) == 1


def test_concurrent_writers_write_whole_lines_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "not yet there" / "alerts.ndjson"
    with ThreadPoolExecutor(8) as pool:
        for n in range(40):
            pool.submit(FileChannel(file).send, replace(ALERT, subject=f"{n}", happened="x" * 1_900))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert {line["subject"] for line in lines} == {f"{n}" for n in range(40)}
    assert set(lines[0]) >= {"raised_at", "cause", "partition", "happened", "meaning", "action", "links"}
