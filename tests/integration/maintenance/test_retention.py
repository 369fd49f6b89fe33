"""Tests what retention deletes and keeps in a real store and warehouse, also after an interruption."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from spotify_pipeline.errors import ConfigurationError, LakeUnavailable, NothingRetained, PastPartition
from spotify_pipeline.lake import Lake, keys
from spotify_pipeline.lake.manifest import read_manifest
from spotify_pipeline.maintenance.retention import apply_retention, upkeep
from spotify_pipeline.stages.plan import plan
from spotify_pipeline.stages.replay import plan_replay, retained_sources
from spotify_pipeline.warehouse.connection import connect
from tests.integration.maintenance.helpers import NEXT_DAY, with_old_leases
from tests.integration.pipeline import DAY, Pipeline
from tests.integration.stages.commands import call

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("clock_far_ahead")]
RAW_GONE = DAY + timedelta(days=91)  # the first date on which DAY's raw is past its 90 days


@pytest.fixture
def days(account: Pipeline) -> Pipeline:
    """A pipeline with two partitions and their reports."""
    for day in (DAY, NEXT_DAY):
        account.lake.put(keys.report_key(day), b"<html></html>")
    return account


def zones(pipeline: Pipeline, day: date) -> set[str]:
    return {
        zone
        for zone in ("raw", "validated", "reports")
        if pipeline.lake.keys(keys.partition_prefix(zone, day))
    }


def test_each_zone_has_its_own_retention_time(days: Pipeline) -> None:
    pipeline = with_old_leases(days)
    expected = [
        (DAY + timedelta(days=30), {"raw", "validated", "reports"}),
        (DAY + timedelta(days=31), {"raw", "reports"}),
        (DAY + timedelta(days=90), {"raw", "reports"}),
        (RAW_GONE, {"reports"}),
        (DAY + timedelta(days=366), set()),
    ]
    for as_of, left in expected:
        apply_retention(pipeline.runtime, as_of)
        assert zones(pipeline, DAY) == left, as_of
    assert zones(pipeline, NEXT_DAY) == {"reports"}


def test_a_dry_run_counts_what_a_run_removes(days: Pipeline) -> None:
    pipeline = with_old_leases(days)
    before = pipeline.checksums(), set(pipeline.lake.keys(""))
    far = DAY + timedelta(days=2_000)
    counted = apply_retention(pipeline.runtime, far, dry_run=True)
    assert (pipeline.checksums(), set(pipeline.lake.keys(""))) == before
    assert pipeline.query("SELECT count(*) FROM ops.maintenance_run") == [(0,)]
    done = apply_retention(pipeline.runtime, far)
    assert done.removed == counted.removed
    assert done.removed["raw objects"] > 10
    assert done.removed["staging.plays"] > 0
    assert pipeline.lake.keys("") == []
    assert pipeline.query("SELECT as_of, removed ->> 'staging.plays' FROM ops.maintenance_run") == [
        (far, str(done.removed["staging.plays"]))
    ]
    # a second run has nothing to remove
    assert not +apply_retention(pipeline.runtime, far).removed


@pytest.mark.slow
def test_history_and_plays_are_deleted_and_current_rows_stay(days: Pipeline) -> None:
    pipeline = with_old_leases(days, retain_history_days=100, retain_play_days=100)
    tracks = pipeline.query("SELECT count(*) FROM staging.tracks")
    apply_retention(pipeline.runtime, DAY + timedelta(days=101))
    for table in (
        "track_observations",
        "artist_observations",
        "playlist_membership",
        "top_tracks",
        "top_artists",
    ):
        assert pipeline.query(f"SELECT DISTINCT observed_on FROM staging.{table}") == [(NEXT_DAY,)], table
    assert pipeline.query(f"SELECT bool_and(played_at >= '{NEXT_DAY}') IS NOT FALSE FROM staging.plays") == [
        (True,)
    ]
    assert pipeline.query("SELECT count(*) FROM staging.tracks") == tracks
    # the newest load of each source stays, since freshness is computed from it
    apply_retention(pipeline.runtime, DAY + timedelta(days=3_000))
    assert pipeline.query("SELECT count(*) > 0, count(*) = count(DISTINCT source) FROM ops.load") == [
        (True, True)
    ]


def test_a_partition_without_raw_is_not_fetched_again(days: Pipeline) -> None:
    pipeline = with_old_leases(days)
    pipeline.sandbox.control.reset_calls()
    assert list(retained_sources(pipeline.lake, DAY, NEXT_DAY)) == [DAY, NEXT_DAY]
    apply_retention(pipeline.runtime, RAW_GONE)
    assert list(retained_sources(pipeline.lake, DAY, NEXT_DAY)) == [NEXT_DAY]
    assert read_manifest(pipeline.lake, DAY, "first") is None
    with pytest.raises(PastPartition):
        plan(pipeline.runtime, DAY)
    with pytest.raises(NothingRetained, match=f"the oldest raw is of {NEXT_DAY}"):
        plan_replay(pipeline.runtime, DAY, DAY)
    assert pipeline.sandbox.control.calls().api_total == 0


def test_promise_3_the_next_run_completes_interrupted_retention(
    days: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store fails after 0, 1, 2, … requests; retention removes manifests before responses."""
    pipeline = with_old_leases(days)
    delete_all = Lake.delete_all
    interruptions = 0
    for allowed in range(100):
        calls = iter(range(allowed))

        def interrupted(lake: Lake, doomed: list[str], calls: Iterator[int] = calls) -> None:
            if next(calls, None) is None:
                delete_all(lake, doomed[: len(doomed) // 2])
                raise LakeUnavailable("gone")
            delete_all(lake, doomed)

        monkeypatch.setattr(Lake, "delete_all", interrupted)
        try:
            apply_retention(pipeline.runtime, RAW_GONE)
        except LakeUnavailable:
            interruptions += 1
            left = pipeline.lake.keys(keys.partition_prefix(keys.RAW, DAY))
            manifests = [key for key in left if key.endswith(keys.MANIFEST_NAME)]
            responses = [key for key in left if re.search(r"/[a-z_]+-[0-9a-f]{32}\.json$", key)]
            # each remaining manifest still has all its responses
            for key in manifests:
                manifest = read_manifest(pipeline.lake, DAY, str(keys.source_of(key)))
                assert manifest is not None
                assert {raw.key for raw in manifest.objects} <= set(responses)
            continue
        break
    assert interruptions >= 4
    assert "raw" not in zones(pipeline, DAY)


def test_raw_that_is_in_use_or_was_never_loaded_is_kept(days: Pipeline) -> None:
    pipeline = with_old_leases(days)
    pipeline.fetch("first", NEXT_DAY)
    plan_replay(pipeline.runtime, DAY, DAY)  # takes the leases of that date
    kept = apply_retention(pipeline.runtime, RAW_GONE).kept
    assert f"raw of {DAY}: a load or a replay touched it within a day" in kept
    assert zones(pipeline, DAY) == {"raw", "validated", "reports"}

    pipeline = with_old_leases(days)
    with connect(pipeline.runtime.lookup("warehouse_owner")) as conn:
        conn.execute("DELETE FROM ops.load WHERE source = 'first'")
    removal = apply_retention(pipeline.runtime, RAW_GONE)
    assert removal.kept == [f"raw of first on {DAY}: it was never loaded"]
    assert {keys.source_of(key) for key in pipeline.lake.keys(keys.partition_prefix(keys.RAW, DAY))} == {
        "first"
    }
    # after twice the retention time it is deleted, too
    apply_retention(pipeline.runtime, DAY + timedelta(days=181))
    assert "raw" not in zones(pipeline, DAY)


def test_a_short_log_retention_does_not_prolong_raw(days: Pipeline) -> None:
    pipeline = with_old_leases(days, retain_raw_days=30, retain_log_days=7)
    with connect(pipeline.runtime.lookup("warehouse_owner")) as conn:
        conn.execute("UPDATE ops.load SET finished_at = partition + interval '1 hour'")
    apply_retention(pipeline.runtime, DAY + timedelta(days=20))
    assert apply_retention(pipeline.runtime, DAY + timedelta(days=31)).kept == []
    assert "raw" not in zones(pipeline, DAY)


def test_upkeep_has_no_statement_time_out(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    monkeypatch.setattr(
        "spotify_pipeline.maintenance.retention.vacuum",
        lambda conn: found.extend(conn.execute("SHOW statement_timeout").fetchall()),
    )
    upkeep(pipeline.runtime)
    assert found == [("0",)]


def test_upkeep_analyses_every_table_of_staging_and_ops(pipeline: Pipeline) -> None:
    never_analysed = (
        "SELECT count(*) FROM pg_class WHERE reltuples < 0 AND relkind = 'r' AND relname NOT LIKE 'pg_%'"
    )
    assert pipeline.query(never_analysed)[0][0] > 30  # type: ignore[operator]
    upkeep(pipeline.runtime)
    in_schemas = " AND relnamespace IN ('staging'::regnamespace, 'ops'::regnamespace)"
    assert pipeline.query(never_analysed + in_schemas) == [(0,)]


def test_the_command_uses_the_date_of_spotify_s_clock(days: Pipeline) -> None:
    with connect(days.runtime.lookup("warehouse_owner")) as conn:
        conn.execute("UPDATE ops.step_lease SET acquired_at = acquired_at - interval '2 days'")
    days.go_to(RAW_GONE)
    done = call("maintenance", days, "--dry-run", "--json")
    assert json.loads(done.stdout)["dry_run"]
    done = call("maintenance", days, "--dry-run")
    assert done.exit_code == 0, done.output
    assert "would be removed" in done.stdout
    assert zones(days, DAY) == {"raw", "validated", "reports"}
    assert call("maintenance", days, "--as-of", str(NEXT_DAY)).exit_code == 0
    assert zones(days, DAY) == {"raw", "validated", "reports"}
    done = call("maintenance", days)
    assert f"raw of {DAY}: " in done.stdout
    assert zones(days, DAY) == {"reports"}


def test_a_date_ahead_of_the_clock_is_refused(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises(ConfigurationError, match="cannot be counted from 2140-01-01"):
        apply_retention(pipeline.runtime, date(2140, 1, 1))


def test_old_queue_entries_crawl_states_and_alerts_are_deleted(pipeline: Pipeline) -> None:
    with connect(pipeline.runtime.lookup("warehouse_owner")) as conn:
        conn.execute(
            "INSERT INTO ops.detail_queue (record_kind, record_id, reason, enqueued_on, done_on, asked_on)"
            " VALUES ('track', 'old', 'isrc', '2026-01-01', '2026-01-02', NULL),"
            " ('track', 'asked', 'isrc', '2026-01-01', '2026-01-02', '2027-11-01'),"
            " ('track', 'open', 'isrc', '2026-01-01', NULL, NULL)"
        )
        conn.execute(
            "INSERT INTO ops.crawl_state (source, record_kind, record_id, listing_sha256, complete_on,"
            " refreshed_at, refresh_due_on) VALUES ('s', 'album', 'old', '', '2026-01-01', '2026-01-01',"
            " '2026-02-01'), ('s', 'album', 'due', '', '2026-01-01', '2026-01-01', '2027-11-01')"
        )
    marks = {
        f"alerts/{DAY}/1.json": b"{}",
        "alerts/2027-11-01/2.json": b"{}",
        "alerts/any/3.json": b'{"raised_on": "2026-11-22"}',
        "alerts/any/4.json": b'{"raised_on": "2027-11-01"}',
    }
    for key, mark in marks.items():
        pipeline.lake.put(key, mark)
    removal = apply_retention(pipeline.runtime, DAY + timedelta(days=400))
    assert removal.removed["alerts objects"] == 2
    assert pipeline.lake.keys("alerts/") == ["alerts/2027-11-01/2.json", "alerts/any/4.json"]
    assert pipeline.query("SELECT record_id FROM ops.detail_queue ORDER BY 1") == [("asked",), ("open",)]
    assert pipeline.query("SELECT record_id FROM ops.crawl_state") == [("due",)]
