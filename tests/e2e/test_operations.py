"""Tests the alerts and links for operators, through the real scheduler, triggerer and API server.

The tests share one stack and run in the order of this file.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from spotify_pipeline import connections
from spotify_stack.demo import task_log
from spotify_stack.health import NotReady, wait_until
from tools.runbook_pictures import SIZE, browser_page, chromium, take_picture

from .conftest import INGEST, REPORT, SECOND_DAY, TRANSFORM, Running

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]
DAY = SECOND_DAY + timedelta(days=3)
LATE = date(2021, 2, 1)
BAD_ID = "no Spotify id"
TEST = "sources.spotify_tracks.spotify_id_track_id"


def alerts(running: Running, partition: date, cause: str | None = None) -> list[dict[str, Any]]:
    file = running.state.paths.alerts
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [
        line
        for line in lines
        if line["partition"] == partition.isoformat() and cause in (None, line["cause"])
    ]


def wait_for_alerts(
    running: Running, partition: date, cause: str, *, timeout: float = 120
) -> list[dict[str, Any]]:
    """Wait until there is an alert of a cause, and return all of them."""

    def check() -> None:
        if not alerts(running, partition, cause):
            raise NotReady("no alert was sent yet")

    wait_until(check, timeout=timeout, what=f"alert {cause} of {partition}", poll=0.5)
    return alerts(running, partition, cause)


def times_seen(running: Running, partition: date, cause: str, at_least: int) -> int:
    """Wait until a cause has been counted `at_least` times, and return the count."""
    found: list[int] = []

    def check() -> None:
        with running.warehouse(connections.WAREHOUSE_READER) as connection:
            row = connection.execute(
                "SELECT sum(times_seen) FROM ops.alert WHERE partition = %s AND cause = %s",
                [partition.isoformat(), cause],
            ).fetchone()
        found[:] = [int(row[0] or 0) if row else 0]
        if found[0] < at_least:
            raise NotReady(f"it was counted {found[0]} times")

    wait_until(check, timeout=60, what=f"count {at_least} of {cause}", poll=0.5)
    return found[0]


def test_a_missed_deadline_alerts_once(running: Running) -> None:
    """The stack's deadline for reports is one second (conftest.py); the runs have no logical date."""
    ready_for_dbt(running)
    run_ids = []
    for number in (1, 2):
        with running.warehouse(connections.WAREHOUSE_OWNER) as connection, connection.transaction():
            # the run waits for this lock, so that it cannot end within its second
            connection.execute("LOCK TABLE ops.publication IN ACCESS EXCLUSIVE MODE")
            run_ids.append(running.api.trigger(REPORT, LATE.isoformat()))
            assert times_seen(running, LATE, "DeadlineMissed", at_least=number) == number
        running.ended(REPORT, run_ids[-1])
    [alert] = wait_for_alerts(running, LATE, "DeadlineMissed")
    assert {running.ended(REPORT, run_id)["logical_date"] for run_id in run_ids} == {None}
    assert alert["subject"] == REPORT
    assert urlsplit(alert["links"]["Run"]).path.startswith(f"/dags/{REPORT}/runs/")
    assert len(alerts(running, LATE, "DeadlineMissed")) == 1


@pytest.fixture(scope="module")
def failed(running: Running) -> Iterator[str]:
    """Yield a transform run that failed because of one bad row in staging; the row is deleted afterwards."""
    ready_for_dbt(running)
    break_staging(running)
    run_id = running.api.trigger(TRANSFORM, DAY.isoformat())
    assert running.ended(TRANSFORM, run_id)["state"] == "failed"
    yield run_id
    repair_staging(running)


def ready_for_dbt(running: Running) -> None:
    """Wait for the warehouse's tables, and add a load for the freshness check if there is none."""

    def check() -> None:
        with running.warehouse(connections.WAREHOUSE_OWNER) as connection:
            if connection.execute("SELECT to_regclass('ops.alert')").fetchone() == (None,):
                raise NotReady("the first run has not migrated yet")
            connection.execute(
                "INSERT INTO ops.load (load_seq, partition, source, started_at, finished_at, inserted, "
                "updated, unchanged, complete, run_id, try_number) "
                "SELECT nextval('ops.load_seq_seq'), %s, 'none', now(), now(), 0, 0, 0, true, 'test', 1 "
                "WHERE NOT EXISTS (SELECT 1 FROM ops.load)",
                [DAY],
            )

    wait_until(check, timeout=120, what="tables of the warehouse", poll=1)


def break_staging(running: Running) -> None:
    with running.warehouse(connections.WAREHOUSE_OWNER) as connection:
        connection.execute(
            "INSERT INTO staging.tracks (track_id, name, artist_ids, duration_ms, listing_observed_at, "
            "listing_rank, listing_raw_key, first_seen_on, last_seen_on, load_seq) "
            "VALUES (%s, 'Bad', '{}', 180000, now(), 0, 'raw/none', %s, %s, 1)",
            [BAD_ID, DAY, DAY],
        )


def repair_staging(running: Running) -> None:
    with running.warehouse(connections.WAREHOUSE_OWNER) as connection:
        connection.execute("DELETE FROM staging.tracks WHERE track_id = %s", [BAD_ID])


def test_a_failing_data_test_sends_one_alert(running: Running, failed: str) -> None:
    red = [task for task in running.api.tasks(TRANSFORM, failed) if task["state"] == "failed"]
    assert [task["task_id"] for task in red] == [TEST]
    [alert] = wait_for_alerts(running, DAY, "DataTestFailed")
    for round_number in (2, 3):
        running.api.clear_failed(TRANSFORM, failed)
        assert running.ended(TRANSFORM, failed)["state"] == "failed"
        times_seen(running, DAY, "DataTestFailed", at_least=round_number)
    assert alerts(running, DAY, "DataTestFailed") == [alert]
    assert not alerts(running, DAY, "RunFailed"), (
        "the run is red because of the test, which has its own alert"
    )

    assert alert["severity"] == "error"
    assert alert["task_id"] == TEST
    assert "dbt_audit" in alert["action"], "the table of the bad rows is named"
    assert urlsplit(alert["links"]["Log"]).path == f"/dags/{TRANSFORM}/runs/{quote(failed)}/tasks/{TEST}"
    log = task_log(running.state, TRANSFORM, red[0]).read_text()
    assert "compiled SQL of" in log
    with running.warehouse() as connection:
        table = alert["action"].split("rows in ")[1].split(";")[0]
        [row] = connection.execute(f"SELECT * FROM {table}").fetchall()
    assert BAD_ID in str(row)


def test_the_walk_of_the_runbook(running: Running, failed: str) -> None:
    """From the alert to a green run, in a browser; `make runbook-shots` keeps the pictures."""
    if chromium() is None:
        pytest.skip("no Chromium or Chrome on PATH")
    base = running.state.airflow_url
    run_url = f"{base}/dags/{TRANSFORM}/runs/{quote(failed)}"
    with browser_page(base, running.state.paths.logs) as page:
        alert_page(page, wait_for_alerts(running, DAY, "DataTestFailed")[0])
        whole_grid(page, run_url)
        take_picture(page, "1-grid")
        page.goto(f"{run_url}/tasks/{TEST}")
        log_line = re.compile("Got 1 result|compiled SQL of|alert: data test")
        expect(page.get_by_text(log_line).first).to_be_visible()
        # fold the traceback, which names folders of this machine
        page.get_by_text("BadData:").first.click()
        take_picture(page, "2-log")
        page.goto(f"{run_url}/tasks/{TEST}/details")
        compiled = page.get_by_role("link", name="Compiled SQL")
        expect(compiled).to_be_visible()
        address = compiled.get_attribute("href")
        assert address is not None
        page.goto(address)
        expect(page.get_by_text("compiled_sql").first).to_be_visible()
        take_picture(page, "3-compiled-sql")
        repair_staging(running)
        page.goto(f"{run_url}/tasks/{TEST}")
        expect(page.get_by_text(log_line).first).to_be_visible()
        page.keyboard.press("Shift+C")
        dialog = page.get_by_role("dialog").first
        expect(dialog).to_be_visible()
        take_picture(page, "4-clear")
        before = {task["task_id"]: task["start_date"] for task in running.api.tasks(TRANSFORM, failed)}
        dialog.get_by_role("button", name="Confirm").click()
        until(lambda: running.api.run(TRANSFORM, failed)["state"] in {"queued", "running"})
        assert running.ended(TRANSFORM, failed)["state"] == "success"
        after = {task["task_id"]: task["start_date"] for task in running.api.tasks(TRANSFORM, failed)}
        again = {name for name in after if after[name] != before[name]}
        assert TEST in again
        assert "sources.spotify_albums.spotify_id_album_id" not in again
        whole_grid(page, run_url)
        take_picture(page, "5-green")


def whole_grid(page: Page, run_url: str) -> None:
    """Open the grid next to a run, and expand its groups."""
    page.goto(run_url)
    # the key of the text, as long as Airflow's page has not loaded its translations
    expand = page.get_by_role("button", name=re.compile(r"Expand all task groups|taskGroups\.expandAll"))
    expect(expand).to_be_visible()
    if expand.is_enabled():
        expand.click()
    # the grid renders only the rows that are visible
    page.mouse.move(180, 500)
    test = page.get_by_text("spotify_id_track_id").first
    for _ in range(40):
        if test.is_visible():
            return
        page.mouse.wheel(0, 250)
        page.wait_for_timeout(250)
    expect(test).to_be_visible()


def alert_page(page: Page, alert: dict[str, Any]) -> None:
    """Show an alert of the file as the text that a person reads, and take its picture."""
    from spotify_pipeline.alerts.alert import Alert, render

    text = render(Alert(**{name: value for name, value in alert.items() if name != "raised_at"}))
    page.set_content(
        "<body style='font:15px/1.5 monospace;padding:24px;max-width:1180px;white-space:pre-wrap'></body>"
    )
    page.evaluate("text => { document.body.textContent = text }", text)
    page.set_viewport_size({"width": SIZE["width"], "height": 250})
    take_picture(page, "0-alert")
    page.set_viewport_size(SIZE)


def until(check: Callable[[], bool], seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < limit, f"not true after {seconds:g} s"
        time.sleep(0.2)


def test_links_open_the_objects_of_a_task(running: Running) -> None:
    running.set_day(DAY)
    run_id = running.api.trigger(INGEST, DAY.isoformat())
    assert running.ended(INGEST, run_id)["state"] == "success"
    # this stack has Airflow's login switched off, and the links need none either
    with httpx.Client(trust_env=False, timeout=60) as client:
        links = client.get(
            f"{running.state.airflow_url}/api/v2/dags/{INGEST}/dagRuns/{quote(run_id)}"
            "/taskInstances/reconcile/links"
        ).json()["extra_links"]
        assert links["Report"] is None
        page = client.get(links["Raw responses"])
        assert page.status_code == 200, page.text
        assert page.headers["content-security-policy"].startswith("sandbox")
        [manifest, *_] = re.findall(r"href='([^']*_manifest[^']*)'", page.text)
        stored = client.get(str(page.url.join(manifest)))
        assert stored.json()["partition"] == DAY.isoformat()
