"""Tests the charts: well-formed, proportional to the data, with names escaped."""

from __future__ import annotations

import re
from datetime import date
from xml.etree import ElementTree as ET

import pytest

from spotify_pipeline.report import charts
from spotify_pipeline.report.model import ArtistRow, Bin, GrowthDay, YearCount

DAY = GrowthDay(date(2021, 3, 18), 10, 10, 2, 1, 10)
NEXT_DAY = GrowthDay(date(2021, 3, 19), 12, 5, 0, 0, 15)
HOSTILE = "</text><script>alert('x')</script>\"'&]]><!--"


def parse(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own drawing


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in parse(svg).iter("text")]


def bars(svg: str, colour: str) -> list[float]:
    """Return the heights of the bars of one colour; their path is M x,y h width v height."""
    found = [node.get("d", "") for node in parse(svg).iter("path") if node.get("fill") == colour]
    return [float(re.search(r"v(-?[\d.]+)", path).group(1)) for path in found if "v" in path]  # type: ignore[union-attr]


def artist(name: str | None, tracks: int) -> ArtistRow:
    return ArtistRow("id", name, None, None, tracks, 1)


def test_growth_stacks_new_tracks_on_known_ones() -> None:
    svg = charts.catalogue_growth([DAY, NEXT_DAY])
    before, new = bars(svg, charts.MARK_SOFT), bars(svg, charts.MARK)
    assert max(before) == pytest.approx(2 * new[1], rel=0.01)  # 10 known before, 5 new
    assert {"03-18", "03-19", "known before", "new"} <= set(texts(svg))


def test_bars_of_years_are_proportional_and_show_types() -> None:
    svg = charts.release_years(
        [YearCount(1999, "album", 4), YearCount(2001, "album", 2), YearCount(2001, "odd", 1)]
    )
    heights = bars(svg, charts.MARK)
    assert max(heights) == pytest.approx(
        2 * sorted(heights)[-2], rel=0.01
    )  # the smallest bar is in the legend
    assert {"album", "other"} <= set(texts(svg))
    assert "single" not in texts(svg)


def test_histograms_start_at_zero() -> None:
    for svg in (charts.durations([Bin(0, 1), Bin(20, 4)]), charts.popularity([Bin(0, 1), Bin(95, 4)])):
        low, high = sorted(bars(svg, charts.MARK))
        assert high == pytest.approx(4 * low, rel=0.01)
    assert "10+" in texts(charts.durations([Bin(20, 4)]))


def test_markup_in_a_name_is_escaped() -> None:
    svg = charts.top_artists([artist(HOSTILE, 3), artist("back\\slash ${1} `x`", 2)])
    assert not [node.tag for node in parse(svg).iter() if node.tag.endswith("script")]
    assert "<script" not in svg
    assert any(shown.startswith("</text><script>") for shown in texts(svg))
    assert "back\\slash ${1} `x`" in texts(svg)


def test_two_artists_with_the_same_name_have_two_bars() -> None:
    svg = charts.top_artists([artist("Nirvana", 3), artist("Nirvana", 1)])
    assert texts(svg).count("Nirvana") == 2
    assert len(bars(svg, charts.MARK)) == 2


def test_names_of_all_scripts_and_none() -> None:
    names = ["שלום עולם", "👩‍🎤 x", "Sigur Rós", "椎名林檎"]
    svg = charts.top_artists([*(artist(name, 2) for name in names), artist(None, 1)])
    assert {*names, "(artist without a name)"} <= set(texts(svg))


def test_drawing_twice_gives_the_same_bytes() -> None:
    assert charts.catalogue_growth([DAY, NEXT_DAY]) == charts.catalogue_growth([DAY, NEXT_DAY])


def test_every_colour_of_a_chart_has_a_rule_for_dark_mode() -> None:
    from importlib import resources

    css = resources.files("spotify_pipeline.report").joinpath("templates/report.css").read_text("utf-8")
    svg = (
        charts.catalogue_growth([DAY, NEXT_DAY])
        + charts.top_artists([artist("a", 1)])
        + charts.release_years([YearCount(2000, kind, 1) for kind in charts.ALBUM_TYPES])
    )
    used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', svg))
    assert {charts.MARK, charts.TEXT, charts.GRID} <= used
    assert all(f'="{colour}"]' in css for colour in used)


def test_charts_have_no_ids_that_could_clash() -> None:
    svg = charts.durations([Bin(0, 1)]) + charts.top_artists([artist("a", 1)])
    assert not re.search(r"\sid=\"|url\(#", svg)


@pytest.mark.parametrize(
    ("heights", "top"), [([], None), ([9, 1], None), ([5, 4, 1], None), ([325, 20, 3], 26), ([0, 0, 0], None)]
)
def test_one_high_bar_does_not_flatten_the_others(heights: list[int], top: int | None) -> None:
    assert charts.cut_axis(heights) == top


def test_a_truncated_bar_shows_its_value() -> None:
    years = [YearCount(2024, "album", 20), YearCount(2025, "single", 3)]
    years += [YearCount(2026, "album", 300), YearCount(2026, "single", 25)]
    svg = charts.release_years(years)
    assert "325 ↑" in svg
    *_, tall, cut_off = sorted(bars(svg, charts.MARK))
    assert cut_off == pytest.approx(1.3 * tall, rel=0.02)
    assert "↑" not in charts.release_years(years[:2])
    assert "900 ↑" in charts.durations([Bin(1, 3), Bin(2, 4), Bin(3, 900)])
