"""Tests that an erasure leaves no trace of one of two listeners in anything that the pipeline wrote."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from spotify_pipeline.alerts import causes
from spotify_pipeline.alerts.dispatch import FileChannel, dispatch
from spotify_pipeline.lake.manifest import read_manifest
from spotify_pipeline.maintenance.erase import erase_user
from spotify_pipeline.report.build import publish_report
from spotify_pipeline.report.week import publish_week
from spotify_pipeline.stages.replay import plan_replay, replay_partition
from tests.accounts import user_hash
from tests.integration.maintenance.helpers import NEXT_DAY, Dbt, no_logins, rows_with
from tests.integration.pipeline import DAY, HASH, USER, Pipeline, logged_in

pytestmark = [pytest.mark.integration, pytest.mark.slow]

OTHER = "listener2"
MONDAY = DAY - timedelta(days=DAY.weekday())
DAY_3 = NEXT_DAY + timedelta(days=1)
DAY_4 = NEXT_DAY + timedelta(days=2)


def shared_playlist(pipeline: Pipeline) -> dict[str, str]:
    """Return a playlist of the first listener to which the second one contributes."""
    return next(
        playlist
        for playlist in pipeline.sandbox.control.playlists()
        if playlist["owner"] == USER and playlist["collaborative"] and OTHER in playlist["followers"]
    )


def pipeline_of_other_listener(account: Pipeline) -> Pipeline:
    """Return the pipeline of the second listener, which reads the shared playlist and one of their own."""
    other = logged_in(account, user=OTHER)
    own = next(p["id"] for p in account.sandbox.control.playlists() if p["owner"] == OTHER)
    other.list_sources(
        {"name": "other-lists", "kind": "playlist", "ids": [shared_playlist(account)["id"], own]}
    )
    return other


def objects_with(pipeline: Pipeline, text: str) -> list[str]:
    """Return keys of objects that contain a text in their key, bytes or metadata."""
    found = []
    for key in pipeline.lake.keys(""):
        stored = pipeline.lake.get(key)
        if text in key or text.encode() in stored.data or text in str(dict(stored.metadata)):
            found.append(key)
    return found


def test_a_playlist_read_by_another_account_restores_no_data(
    account: Pipeline, migrated_database: str
) -> None:
    shared = shared_playlist(account)
    other = pipeline_of_other_listener(account)
    other.run(NEXT_DAY)
    held = "SELECT count(*) FROM staging.playlist_membership WHERE playlist_id = "
    assert other.query(f"{held}'{shared['id']}'") != [(0,)]
    counted = erase_user(account.runtime, HASH, no_logins, dry_run=True)
    receipt = erase_user(account.runtime, HASH, no_logins)
    assert receipt.removed == counted.removed
    assert receipt.removed["raw objects of other accounts"] > 1
    assert rows_with(migrated_database, HASH) == {"ops.erasure": 1}
    assert [key for key in objects_with(account, HASH) if not key.startswith("erasures/")] == []
    assert rows_with(migrated_database, shared["name"]) == {}
    assert objects_with(account, shared["name"]) == []

    # a replay of the other listener's stored responses gives the same tables
    mine = other.query("SELECT playlist_id, count(*) FROM staging.playlist_membership GROUP BY 1")
    assert len(mine) == 1
    before = other.checksums()
    for planned in plan_replay(other.runtime, NEXT_DAY, NEXT_DAY):
        replay_partition(other.runtime, planned)
    assert other.checksums() == before

    # in the next run the shared playlist is left out and the other one is read
    other.go_to(DAY_3)
    verdict = other.run(DAY_3)
    assert verdict.complete == ["other-lists"]
    manifest = read_manifest(other.lake, DAY_3, "other-lists")
    assert manifest is not None
    assert [(m.requested_id, m.listed) for m in manifest.missing] == [(shared["id"], True)]
    assert rows_with(migrated_database, HASH) == {"ops.erasure": 1}
    assert rows_with(migrated_database, shared["name"]) == {}
    assert [key for key in objects_with(other, HASH) if not key.startswith("erasures/")] == []
    assert objects_with(other, USER) == []
    other_hash = user_hash(OTHER)
    assert other.query(f"SELECT count(*) > 0 FROM staging.playlists WHERE owner_hash = '{other_hash}'") == [
        (True,)
    ]


def test_a_playlist_of_another_listener_keeps_its_readings(account: Pipeline, migrated_database: str) -> None:
    """Both listeners read it; the last date was read by the one who is erased alone."""
    shared, erased = shared_playlist(account)["id"], user_hash(OTHER)
    other = logged_in(account, user=OTHER)
    for listener, source, day in ((account, "lists", DAY_3), (other, "other-lists", DAY_4)):
        listener.list_sources({"name": source, "kind": "playlist", "ids": [shared]})
        listener.go_to(day)
        assert listener.run(day).complete == [source]
    read = f"SELECT raw_key LIKE '%%/user={erased}/%%' FROM staging.list_reads WHERE list_id = '{shared}'"
    assert (True,) in account.query(read)
    held = f"SELECT * FROM staging.playlist_membership WHERE playlist_id = '{shared}' ORDER BY 1, 2, 3"
    before = account.query(held)
    assert before

    erase_user(account.runtime, erased, no_logins)

    assert account.query(held) == before
    assert set(account.query(read)) == {(False,)}
    assert rows_with(migrated_database, erased) == {"ops.erasure": 1}
    assert [key for key in objects_with(account, erased) if not key.startswith("erasures/")] == []
    assert account.query(f"SELECT source FROM staging.source_records WHERE record_id = '{shared}'") == [
        ("lists",)
    ]


@pytest.mark.usefixtures("clock_far_ahead")
def test_no_trace_of_an_erased_listener_is_left(
    account: Pipeline, dbt: Dbt, migrated_database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # the levels that Airflow logs; at DEBUG, urllib3 logs addresses, which contain the hash
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "spotify_pipeline")
    runtime = account.runtime
    settings = runtime.settings.model_copy(update={"report_dir": tmp_path / "pages"})
    account = replace(account, runtime=replace(runtime, settings=settings))
    other = pipeline_of_other_listener(account)
    other.run(NEXT_DAY)
    account.go_to(DAY_3)
    account.run(DAY_3)
    dbt("build")
    publish_report(account.runtime, DAY)
    publish_report(account.runtime, NEXT_DAY)
    publish_week(account.runtime, MONDAY)
    alerts = tmp_path / "alerts.ndjson"
    where = causes.Origin(partition=str(DAY), dag_id="spotify_ingest")
    damaged = ValueError(f"object 'raw/ingest_date={DAY}/user={HASH}/source=saved/x.json' is absent")
    for alert in (
        causes.plays_lost(where, DAY, "spotify_user"),
        causes.task_failed(where, damaged, about="saved"),
    ):
        dispatch(
            alert,
            [FileChannel(alerts)],
            warehouse=lambda: account.runtime.ingest,
            lake=lambda: account.lake,
        )

    names = [p["name"] for p in account.sandbox.control.playlists() if p["owner"] == USER]
    plays = account.query(
        "SELECT to_char(played_at, 'YYYY-MM-DD HH24:MI:SS'), to_char(played_at, 'YYYY-MM-DD\"T\"HH24:MI:SS')"
        f" FROM staging.plays WHERE user_hash = '{HASH}'"
    )
    secrets = [USER, HASH, *names, *(str(text) for row in plays for text in row)]
    assert len(names) > 1
    assert len(plays) > 10
    assert rows_with(migrated_database, HASH)
    assert objects_with(account, HASH)

    erase_user(account.runtime, HASH, no_logins)
    dbt("build")
    publish_report(account.runtime, NEXT_DAY)

    receipts = [key for key in account.lake.keys("") if key.startswith("erasures/")]
    files = {path: path.read_text() for path in tmp_path.glob("pages/*")} | {alerts: alerts.read_text()}
    assert len(files) == 2  # the page of the first day was deleted and not written again
    for secret in secrets:
        rows = rows_with(migrated_database, secret)
        assert rows == ({"ops.erasure": 1} if secret == HASH else {}), secret
        assert objects_with(account, secret) == (receipts if secret == HASH else []), secret
        assert [path for path, text in files.items() if secret in text] == [], secret
        assert secret not in caplog.text, secret
