"""Tests that drift is counted in each run, shown against the run before, and never fatal."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from spotify_pipeline.lake.validation_summary import read_summary
from tests.integration.pipeline import DAY, Pipeline, alter
from tests.integration.stages.commands import call

pytestmark = pytest.mark.integration
NEXT_DAY, THIRD_DAY = DAY + timedelta(days=1), DAY + timedelta(days=2)
DRIFT = """
    SELECT partition, request_kind, record_kind, change, field, records = of_records, compared_with
    FROM ops.contract_drift ORDER BY partition, change, field
"""


def change_fields(listing: Any) -> None:
    for album in listing["items"]:
        del album["external_urls"]
        album["mood"] = "calm"


def fetch_three_days(pipeline: Pipeline) -> None:
    """Fetch three days of an artist's listing; on the second its albums lack one field and have a new one."""
    artists = [artist_id for artist_id, _ in pipeline.sandbox.control.catalog().artists]
    pipeline.list_sources({"name": "first", "kind": "artist", "ids": artists[8:9]})
    for day in (DAY, NEXT_DAY, THIRD_DAY):
        pipeline.go_to(day)
        pipeline.fetch("first", day)
        if day == NEXT_DAY:
            alter(pipeline, "first", "artist_albums", change_fields, day)
        pipeline.validate("first", day)


def test_new_and_gone_fields_are_counted_and_shown(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    fetch_three_days(pipeline)
    assert "fields of album that the contract does not describe: mood" in caplog.text
    # newest first: in any order of loads, a day is compared with the day before it
    states = [pipeline.load("first", day) for day in (THIRD_DAY, NEXT_DAY, DAY)]
    assert [state.status for state in states] == ["complete"] * 3
    assert pipeline.query("SELECT count(*) FROM ops.quarantined_record") == [(0,)]
    expected = [
        (NEXT_DAY, "artist_albums", "album", "gone", "external_urls", True, DAY),
        (NEXT_DAY, "artist_albums", "album", "new", "mood", True, DAY),
        # on the third day the old field is back and the new one is gone
        (THIRD_DAY, "artist_albums", "album", "gone", "mood", True, NEXT_DAY),
    ]
    assert pipeline.query(DRIFT) == expected

    shown = json.loads(call("contract", pipeline, "drift", str(NEXT_DAY), "--json").stdout)
    assert [(change["change"], change["field"]) for change in shown] == [
        ("gone", "external_urls"),
        ("new", "mood"),
    ]
    table = call("contract", pipeline, "drift").stdout
    assert all(word in table for word in ("mood", "external_urls", str(THIRD_DAY)))
    assert "no drift" in call("contract", pipeline, "drift", str(DAY)).stdout


def test_a_second_load_changes_no_field_profile(
    pipeline: Pipeline,
) -> None:
    """A Development app never gets popularity, so its absence is no drift."""
    pipeline.list_sources(
        {"name": "first", "kind": "search", "queries": ["a"], "types": ["track"], "max_results": 10}
    )
    for day in (DAY, NEXT_DAY):
        pipeline.go_to(day)
        pipeline.fetch("first", day)
        pipeline.validate("first", day)
        pipeline.load("first", day)
    assert pipeline.query(DRIFT) == []
    profiles = "SELECT xmin, * FROM ops.record_shape ORDER BY partition, record_kind"
    before = pipeline.query(profiles)
    assert len(before) == 2
    pipeline.load("first", DAY)
    assert pipeline.query(profiles) == before
    (profile,) = read_summary(pipeline.lake, DAY, "first").profiles
    assert "popularity" not in profile.fields
    assert profile.fields["name"] == profile.records > 0


def test_a_changed_type_is_quarantined(pipeline: Pipeline) -> None:
    fetch_three_days(pipeline)

    def change_type(listing: Any) -> None:
        listing["items"][0]["total_tracks"] = str(listing["items"][0]["total_tracks"])

    pages = alter(pipeline, "first", "artist_albums", change_type)
    pipeline.validate("first")
    assert pipeline.load("first").counts["album"].quarantined == pages
    assert pipeline.query("SELECT DISTINCT reason_code FROM ops.quarantined_record") == [
        ("album.total_tracks.type",)
    ]
