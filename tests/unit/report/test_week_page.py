"""Tests the page of a week: its texts, escaping, structure, and that it loads nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from urllib.parse import urlsplit

import pytest

from spotify_pipeline.lake.weeks import days
from spotify_pipeline.report.model import MoverRow, ReleaseRow
from spotify_pipeline.report.week import render_week
from spotify_pipeline.report.week_model import DayRow, Listening, PlayedRow, WeekData
from tests.unit.report.pages import HOSTILE, Reader

MONDAY = date(2026, 11, 16)
LINK = "https://open.spotify.com/album/r1"
EMPTY = WeekData(MONDAY, [DayRow(day, False, None, None, None, None) for day in days(MONDAY)])
FULL = WeekData(
    MONDAY,
    [DayRow(day, True, 12_000, 5, 1, 0) for day in days(MONDAY)],
    releases=[ReleaseRow("r1", "Átta", LINK, "Sigur Rós", None, "album", MONDAY, "day", 10, MONDAY)],
    movers=[MoverRow("t1", "Blóðberg", "https://open.spotify.com/track/t1", "Sigur Rós", 61, -4)],
)
OWN = replace(
    FULL,
    listening=Listening(1_234, 7_200_000, 80, 20, 11, 3),
    top_tracks=[PlayedRow("Starálfur", "https://open.spotify.com/track/t2", "Sigur Rós", 9)],
    top_artists=[PlayedRow("Sigur Rós", None, None, 12)],
)


def hostile() -> WeekData:
    played = PlayedRow(HOSTILE, "javascript:alert(1)", HOSTILE, 1)
    return replace(
        OWN,
        releases=[replace(FULL.releases[0], album_name=HOSTILE, artist_name=HOSTILE, album_type=HOSTILE)],
        movers=[replace(FULL.movers[0], track_name=HOSTILE, artist_names=HOSTILE)],
        top_tracks=[played],
        top_artists=[played],
    )


@pytest.mark.parametrize("data", [EMPTY, FULL, OWN, hostile()])
def test_tags_match_and_one_heading_is_the_first(data: WeekData) -> None:
    page = Reader(render_week(data))
    tags = [tag for tag, _ in page.elements]
    assert tags.count("h1") == 1
    assert [attrs.get("class") for tag, attrs in page.elements if tag == "h2"].count("first") == 1


def test_markup_in_names_is_escaped() -> None:
    page = Reader(render_week(hostile()))
    assert not {"script", "img", "iframe", "object", "form"} & {tag for tag, _ in page.elements}
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert not [url for url in page.attributes("href") if url.startswith("javascript")]
    assert page.text.count(HOSTILE) >= 8


def test_it_loads_nothing_from_the_network() -> None:
    page = Reader(render_week(OWN))
    assert [page.attributes(name) for name in ("src", "srcset", "action", "data")] == [[], [], [], []]
    hosts = {urlsplit(url).netloc for url in page.attributes("href") if not url.startswith(("#", "data:,"))}
    assert hosts == {"open.spotify.com"}


def test_the_texts_of_a_complete_week() -> None:
    text = Reader(render_week(FULL)).text
    assert "Week 2026-W47 , 2026-11-16 to 2026-11-22" in text
    assert "Tracks 35 first seen this week" in text
    assert "missing" not in text
    assert "Your plays" not in text


def test_a_listener_s_page_has_their_plays() -> None:
    text = Reader(render_week(OWN)).text
    assert "Your week on Spotify" in text
    assert "Plays 1,234 in seven days" in text
    assert "Time 2 h" in text
    assert "Tracks 80 11 for the first time" in text


def test_made_up_data_is_marked() -> None:
    assert "None of them exists" in Reader(render_week(FULL, made_up=True)).text
    assert "None of them exists" not in Reader(render_week(FULL)).text


def test_a_week_without_data_lists_all_days_as_missing() -> None:
    text = Reader(render_week(EMPTY)).text
    assert "7 days of this week are missing" in text
    assert "No album of the catalogue was released this week." in text
