"""Tests the page of the report: its texts, escaping, structure, and that it loads nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from functools import cache
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from spotify_pipeline.report.model import (
    ArtistRow,
    Bin,
    Coverage,
    DriftRow,
    GrowthDay,
    MoverRow,
    ReleaseRow,
    ReportData,
    SourceRow,
    Totals,
    YearCount,
)
from spotify_pipeline.report.page import group_sources, render_page
from tests.unit.report.pages import HOSTILE, Reader

FIRST, SECOND = date(2021, 3, 18), date(2021, 3, 19)


def source(name: str, kind: str = "track", status: str = "complete", message: str | None = None) -> SourceRow:
    return SourceRow(name, kind, 10, 6, 2, 1, 1, status == "complete", status, message)


EMPTY = ReportData(partition=FIRST, tests_passed=None, totals=Totals(0, 0, 0, 0, 0, 0, 0, None))
FULL = ReportData(
    partition=SECOND,
    tests_passed=72,
    totals=Totals(12855, 1032, 197, 2_725_200_000, 8929, 756, 0, FIRST),
    growth=[GrowthDay(FIRST, 3926, 3926, 276, 97, 3926), GrowthDay(SECOND, 12000, 8929, 756, 0, 12855)],
    release_years=[YearCount(2019, "album", 5), YearCount(2020, "album", 7), YearCount(2020, "single", 1)],
    durations=[Bin(5, 30), Bin(6, 60), Bin(20, 10)],
    popularity=[Bin(0, 3), Bin(95, 1)],
    artists=[ArtistRow("a1", "Sigur Rós", "https://open.spotify.com/artist/a1", "post-rock", 300, 10)],
    releases=[
        ReleaseRow(
            "r1",
            "Átta",
            "https://open.spotify.com/album/r1",
            "Sigur Rós",
            None,
            "album",
            FIRST,
            "month",
            10,
            SECOND,
        )
    ],
    movers=[MoverRow("t1", "Blóðberg", "https://open.spotify.com/track/t1", "Sigur Rós", 61, -4)],
    sources=[source("favourites")],
)


@cache
def full_page() -> str:
    """The page of FULL, drawn once: its charts take most of the time of these tests."""
    return render_page(FULL)


def hostile() -> ReportData:
    return replace(
        FULL,
        artists=[
            replace(
                FULL.artists[0], artist_name=HOSTILE, spotify_url="javascript:alert(1)", primary_genre=HOSTILE
            )
        ],
        releases=[replace(FULL.releases[0], album_name=HOSTILE, artist_name=HOSTILE, album_type=HOSTILE)],
        release_years=[YearCount(2020, HOSTILE, 1)],
        movers=[replace(FULL.movers[0], track_name=HOSTILE, artist_names=HOSTILE)],
        sources=[
            source(HOSTILE, HOSTILE, "partial", HOSTILE),
            source("z" + HOSTILE, "track", "failed", HOSTILE),
        ],
    )


def test_a_catalogue_with_missing_tracks_has_a_note() -> None:
    short = render_page(replace(FULL, coverage=Coverage(claimed=8471, known=6318)))

    assert "Of 8,471 tracks in the listed albums, 6,318 are known (75 %)." in Reader(short).text
    assert "in the listed albums" not in Reader(full_page()).text


@pytest.mark.parametrize("data", [EMPTY, FULL, hostile(), replace(FULL, growth=FULL.growth[:1], sources=[])])
def test_tags_match_and_ids_are_unique(data: ReportData) -> None:
    ids = Counter(Reader(render_page(data)).attributes("id"))
    assert "content" in ids
    assert not [name for name, times in ids.items() if times > 1]


def test_markup_in_names_is_escaped() -> None:
    page = Reader(render_page(hostile()))
    assert not {"script", "img", "iframe", "object", "form"} & {tag for tag, _ in page.elements}
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert page.text.count(HOSTILE) >= 8
    assert not [url for url in page.attributes("href") if url.startswith("javascript")]


def test_the_page_loads_nothing_from_the_network() -> None:
    page = full_page()
    reader = Reader(page)
    for attribute in ("src", "srcset", "action", "poster", "data", "xlink:href"):
        assert reader.attributes(attribute) == []
    hosts = {urlsplit(url).netloc for url in reader.attributes("href") if not url.startswith(("#", "data:,"))}
    assert hosts == {"open.spotify.com"}
    assert "@import" not in page
    assert "url(" not in page
    assert "default-src 'none'" in "".join(reader.attributes("content"))


def test_the_same_rows_give_the_same_bytes() -> None:
    assert render_page(FULL).encode() == render_page(FULL).encode()


def test_key_figures_and_their_changes() -> None:
    shown = Reader(full_page()).text
    assert (
        "Friday, 2021-03-19 (UTC). Published after 72 data tests passed. Compared with 2021-03-18." in shown
    )
    assert "Tracks 12,855 +8,929 new" in shown
    assert "Artists 197 nothing new" in shown
    assert "Playing time 757 h" in shown


def test_names_link_to_spotify_and_dates_keep_precision() -> None:
    page = full_page()
    assert '<a href="https://open.spotify.com/album/r1"><bdi>Átta</bdi></a>' in page
    assert "released" in page
    assert ">2021-03</td>" in page  # known to the month only
    assert "\N{MINUS SIGN}4" in page


def test_an_empty_warehouse_has_a_note_and_no_charts() -> None:
    reader = Reader(render_page(EMPTY))
    assert "The warehouse has no track, album or artist up to this partition." in reader.text
    assert "No source was fetched for this partition." in reader.text
    assert "has not been published" in reader.text
    assert "svg" not in {tag for tag, _ in reader.elements}


def test_the_first_day_has_no_growth_and_no_comparison() -> None:
    first = replace(
        FULL, partition=FIRST, growth=FULL.growth[:1], totals=replace(FULL.totals, previous=None), movers=[]
    )
    shown = Reader(render_page(first)).text
    assert "Compared with" not in shown
    assert shown.count("first partition") == 3
    assert "Growth is shown from the second partition on" in shown
    assert "Catalogue growth" not in shown


def test_absent_popularity_is_explained_in_one_sentence() -> None:
    shown = Reader(render_page(replace(FULL, popularity=[], movers=[]))).text
    assert "Popularity is not shown: Spotify gives it to apps with extended quota only." in shown
    assert "Popularity of tracks" not in shown


def test_drift_is_a_table_and_absent_without_any() -> None:
    page = render_page(replace(FULL, drift=[DriftRow("north", "album", "new", HOSTILE, 2, 1300)]))
    assert "Changes of Spotify's responses" in page
    assert "2 of 1,300" in page
    assert "<script>" not in page
    assert "Changes of Spotify's responses" not in full_page()


def test_a_gap_in_the_listening_history_has_a_banner() -> None:
    assert "Plays may be missing" in render_page(replace(FULL, plays_missing=True))
    assert "Plays may be missing" not in full_page()


def test_partial_and_failed_sources_have_a_banner_each() -> None:
    data = replace(
        FULL,
        sources=[
            source("a"),
            source("b", "album", "partial", "quota used up"),
            source("b", "track", "complete"),
            source("c", "track", "failed", "9 of 10 records are bad"),
        ],
    )
    shown = Reader(render_page(data)).text
    assert "1 source incomplete on this day b : quota used up" in shown
    assert "1 source failed on this day c : 9 of 10 records are bad" in shown
    assert "on this day" not in Reader(full_page()).text


def test_a_source_has_the_worst_status_of_its_kinds() -> None:
    groups = group_sources(
        [source("a"), source("a", "album", "failed", "why"), source("a", "artist", "partial")]
    )
    assert [(group.name, group.status, group.message, len(group.rows)) for group in groups] == [
        ("a", "failed", "why", 3)
    ]


def test_counts_that_do_not_add_up_are_marked() -> None:
    wrong = replace(source("a"), loaded=5)
    assert not wrong.adds_up
    assert '<td class="state off" data-label="adds up">no</td>' in render_page(replace(FULL, sources=[wrong]))
    assert '<td class="state ok" data-label="adds up">yes</td>' in full_page()


def test_the_structure_that_assistive_technology_needs() -> None:
    reader = Reader(full_page())
    tags = [tag for tag, _ in reader.elements]
    assert dict(reader.elements)["html"] == {"lang": "en"}
    assert tags.count("h1") == 1
    levels = [int(tag[1]) for tag in tags if tag in {"h1", "h2", "h3"}]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert tags.count("table") == tags.count("caption") == 5 + 4  # a table under each chart
    assert all(attrs.get("scope") for tag, attrs in reader.elements if tag == "th")
    charts = [attrs for _, attrs in reader.elements if attrs.get("role") == "img"]
    assert len(charts) == 5
    assert all((attrs.get("aria-label") or "").startswith("Chart: ") for attrs in charts)


def test_the_demo_s_page_says_that_its_data_is_made_up() -> None:
    made_up = Reader(render_page(FULL, made_up=True)).text
    assert "Made-up data" in made_up
    assert "Metadata from Spotify" not in made_up
    assert "Made-up data" not in Reader(full_page()).text
