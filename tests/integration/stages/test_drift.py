"""Drift of the source: counted in each run, told against the run before, never fatal."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from spotify_pipeline.cli.contract import app
from spotify_pipeline.lake.validation_summary import read_summary
from tests.integration.stages.conftest import DAY, World
from tests.integration.stages.quarantine.conftest import alter, connect

pytestmark = pytest.mark.integration
NEXT_DAY, THIRD_DAY = DAY + timedelta(days=1), DAY + timedelta(days=2)
DRIFT = """
    SELECT partition, request_kind, record_kind, change, field, records = of_records, compared_with
    FROM ops.contract_drift ORDER BY partition, change, field
"""


def drifted(listing: Any) -> None:
    for album in listing["items"]:
        del album["external_urls"]
        album["mood"] = "calm"


def fetched_days(world: World) -> None:
    """Three days of an artist's listing; on the second one the albums lack a field and have a new one."""
    artists = [artist_id for artist_id, _ in world.sandbox.control.catalog().artists]
    world.list_sources({"name": "first", "kind": "artist", "ids": artists[2:3]})
    for day in (DAY, NEXT_DAY, THIRD_DAY):
        world.go_to(day)
        world.fetch("first", day)
        if day == NEXT_DAY:
            alter(world, "first", "artist_albums", drifted, day)
        world.validate("first", day)


def test_new_and_gone_fields_are_counted_and_shown_and_stop_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fetched_days(world)
    assert "fields of album that the contract does not describe: mood" in caplog.text
    # in any order, the newest first: what a day is compared with is the day before it
    states = [world.load("first", day) for day in (THIRD_DAY, NEXT_DAY, DAY)]
    assert [state.status for state in states] == ["complete"] * 3
    assert world.query("SELECT count(*) FROM ops.quarantined_record") == [(0,)]
    expected = [
        (NEXT_DAY, "artist_albums", "album", "gone", "external_urls", True, DAY),
        (NEXT_DAY, "artist_albums", "album", "new", "mood", True, DAY),
        # back on the third day, when the new one is gone again
        (THIRD_DAY, "artist_albums", "album", "gone", "mood", True, NEXT_DAY),
    ]
    assert world.query(DRIFT) == expected

    connect(world, monkeypatch, tmp_path)
    shown = json.loads(CliRunner().invoke(app, ["drift", str(NEXT_DAY), "--json"]).stdout)
    assert [(change["change"], change["field"]) for change in shown] == [
        ("gone", "external_urls"),
        ("new", "mood"),
    ]
    table = CliRunner().invoke(app, ["drift"]).stdout
    assert all(word in table for word in ("mood", "external_urls", str(THIRD_DAY)))
    assert "no drift" in CliRunner().invoke(app, ["drift", str(DAY)]).stdout


def test_a_second_load_changes_no_shape_and_a_field_that_an_app_never_had_is_not_gone(world: World) -> None:
    """A Development app gets no popularity: nobody took it away since yesterday."""
    world.list_sources(
        {"name": "first", "kind": "search", "queries": ["a"], "types": ["track"], "max_results": 10}
    )
    for day in (DAY, NEXT_DAY):
        world.go_to(day)
        world.fetch("first", day)
        world.validate("first", day)
        world.load("first", day)
    assert world.query(DRIFT) == []
    shapes = "SELECT xmin, * FROM ops.record_shape ORDER BY partition, record_kind"
    before = world.query(shapes)
    assert len(before) == 2
    world.load("first", DAY)
    assert world.query(shapes) == before
    (shape,) = read_summary(world.lake, DAY, "first").profiles
    assert "popularity" not in shape.fields
    assert shape.fields["name"] == shape.records > 0


def test_a_changed_type_is_quarantined(world: World) -> None:
    fetched_days(world)

    def retyped(listing: Any) -> None:
        listing["items"][0]["total_tracks"] = str(listing["items"][0]["total_tracks"])

    pages = alter(world, "first", "artist_albums", retyped)
    world.validate("first")
    assert world.load("first").counts["album"].quarantined == pages
    assert world.query("SELECT DISTINCT reason_code FROM ops.quarantined_record") == [
        ("album.total_tracks.type",)
    ]
