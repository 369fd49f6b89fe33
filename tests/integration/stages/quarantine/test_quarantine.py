"""Tests that quarantined records are listed, shown with Spotify's response, and replayed without a call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from spotify_pipeline.errors import QuarantineShareExceeded
from spotify_pipeline.lake.manifest import read_manifest
from tests.integration.pipeline import DAY, Pipeline, alter
from tests.integration.stages.quarantine.conftest import TOO_LONG, Command, OneTrackTooLong

pytestmark = pytest.mark.integration
NEXT_DAY = DAY + timedelta(days=1)
CODE = "track.duration_ms.maximum"


def run_with_one_bad_track(pipeline: Pipeline, *days: date) -> str:
    """Run source `first` on each day with one track too long, and return the track's id."""
    spoil = OneTrackTooLong()
    for day in days or (DAY,):
        pipeline.go_to(day)
        pipeline.fetch("first", day)
        alter(pipeline, "first", "album", spoil, day)
        pipeline.validate("first", day)
    # loaded after all days are fetched, since an album that was loaded completely is not fetched again
    for day in days or (DAY,):
        pipeline.load("first", day)
    return spoil.track_id


def test_promise_8_a_quarantined_record_can_be_replayed(
    pipeline: Pipeline, command: Command, relaxed_contract: Callable[[], None]
) -> None:
    track_id = run_with_one_bad_track(pipeline)
    (listed,) = command.json("list")
    assert (listed["record_key"], listed["reason_code"], listed["partition"]) == (track_id, CODE, str(DAY))
    assert listed["schema_version"] == "1"
    assert listed["raw_key"].startswith(f"raw/ingest_date={DAY}/source=first/album-")
    assert listed["pointer"] == "/tracks/items/0"
    assert listed["first_seen_at"] == listed["last_seen_at"] != ""
    shown = command.json("show", listed["id"])
    assert (shown["record"]["id"], shown["record"]["duration_ms"]) == (track_id, TOO_LONG)
    assert pipeline.query(f"SELECT count(*) FROM staging.tracks WHERE track_id = '{track_id}'") == [(0,)]

    unchanged = command("replay")
    assert "0 of 1 records pass now" in unchanged.stdout
    assert CODE in unchanged.stdout

    pipeline.sandbox.control.reset_calls()
    relaxed_contract()
    passed = command.json("replay", "--reason", "track.duration_ms")
    assert [record["record_key"] for record in passed["passed"]] == [track_id]
    assert (passed["still_quarantined"], passed["failures"]) == ([], [])
    duration = f"SELECT duration_ms FROM staging.tracks WHERE track_id = '{track_id}'"
    assert pipeline.query(duration) == [(TOO_LONG,)]
    assert pipeline.sandbox.control.calls().total == 0
    sums = (
        "SELECT quarantined, fetched = loaded + duplicates + set_aside FROM ops.reconciliation"
        " WHERE source = 'first' AND record_kind = 'track'"
    )
    assert pipeline.query(sums) == [(0, True)]
    assert command.json("list") == []
    (resolved,) = command.json("list", "--all")
    assert resolved["resolved_at"] is not None

    before, objects = pipeline.checksums(), pipeline.objects("")
    assert "nothing is quarantined" in command("replay").stdout
    assert (pipeline.checksums(), pipeline.objects("")) == (before, objects)


@pytest.mark.slow
def test_a_replay_repairs_every_day_of_a_quarantined_record(
    pipeline: Pipeline, command: Command, relaxed_contract: Callable[[], None]
) -> None:
    """The quarantine row has only the newest day; observations of all days must be written."""
    track_id = run_with_one_bad_track(pipeline, DAY, NEXT_DAY)
    (listed,) = command.json("list")
    assert listed["partition"] == str(NEXT_DAY)
    assert listed["first_seen_at"][:10] == str(DAY)
    relaxed_contract()
    assert len(command.json("replay")["passed"]) == 1
    days = f"SELECT observed_on FROM staging.track_observations WHERE track_id = '{track_id}' ORDER BY 1"
    assert pipeline.query(days) == [(DAY,), (NEXT_DAY,)]


def test_list_filters_by_partition_source_kind_and_reason(pipeline: Pipeline, command: Command) -> None:
    run_with_one_bad_track(pipeline)
    for found in (
        ["--source", "first"],
        ["--partition", str(DAY)],
        ["--kind", "track"],
        ["--reason", CODE],
        ["--reason", "track.duration_ms"],
    ):
        assert len(command.json("list", *found)) == 1, found
    for nothing in (["--source", "second"], ["--partition", str(NEXT_DAY)], ["--reason", "track.duration"]):
        assert command.json("list", *nothing) == [], nothing
    table = command("list").stdout
    assert CODE in table
    assert str(DAY) in table
    bad = command("list", "--partition", "yesterday")
    assert (bad.exit_code, "yesterday" in bad.stderr) == (1, True)


def test_show_reports_an_unknown_id_and_deleted_raw_objects(pipeline: Pipeline, command: Command) -> None:
    run_with_one_bad_track(pipeline)
    (listed,) = command.json("list")
    unknown = command("show", "ffffffffffff0")
    assert unknown.exit_code == 1
    assert "quarantine list" in unknown.stderr
    assert str(TOO_LONG) in command("show", listed["id"][:6]).stdout
    pipeline.lake.delete(listed["raw_key"])
    assert "retention" in command("show", listed["id"]).stdout


def test_a_response_without_a_page_is_quarantined_and_shown(pipeline: Pipeline, command: Command) -> None:
    pipeline.fetch("first")
    manifest = read_manifest(pipeline.lake, DAY, "first")
    assert manifest is not None
    alter(pipeline, "first", "artist_albums", lambda body: body.update(items=None))
    pipeline.validate("first")
    pipeline.load("first")
    listed = command.json("list", "--kind", "response")
    assert {record["reason_code"] for record in listed} == {"response.no_page"}
    assert "items" in command.json("show", listed[0]["id"])["record"]


def test_the_error_of_a_source_that_is_too_bad_names_the_command(
    pipeline: Pipeline, command: Command, relaxed_contract: Callable[[], None]
) -> None:
    def spoil(body: dict[str, dict[str, list[dict[str, int]]]]) -> None:
        for track in body["tracks"]["items"]:
            track["duration_ms"] = TOO_LONG

    pipeline.fetch("first")
    alter(pipeline, "first", "album", spoil)
    pipeline.validate("first")
    with pytest.raises(QuarantineShareExceeded, match="spotify-pipeline quarantine list --source first"):
        pipeline.load("first")
    assert pipeline.query("SELECT count(*) FROM staging.tracks") == [(0,)]
    failed = command("replay")
    assert failed.exit_code == 1
    assert "more than the 5% allowed" in failed.stderr
    relaxed_contract()
    replayed = command.json("replay")
    assert replayed["still_quarantined"] == []
    assert pipeline.query("SELECT count(*) > 10, max(duration_ms) FROM staging.tracks") == [(True, TOO_LONG)]
