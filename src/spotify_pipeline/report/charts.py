"""Draws charts as inline SVG with Vega-Lite, without a network; the page's CSS sets colours and fonts.

The colours below are those of the light theme. report.css replaces each by a variable, so that one drawing
works in light, dark and print.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import altair as alt
import vl_convert

from spotify_pipeline.report.model import ArtistRow, Bin, GrowthDay, YearCount
from spotify_pipeline.report.queries import DURATION_BIN_MS, DURATION_LAST_BIN, POPULARITY_BIN
from spotify_pipeline.report.text import artist_name

MARK, MARK_SOFT, MARK_THIRD = "#12703f", "#4a9b73", "#b4770f"
TEXT, GRID = "#4a5750", "#dde4e0"
# between the segments of a bar, in the colour of the background
GAP = "#ffffff"
# if the highest bar is more than this many times as high as the next one, it is cut_axis
CUT_RATIO = 4
WIDTH, HEIGHT = 460, 240
ALBUM_TYPES = ("album", "single", "compilation", "other")
_ROOT = re.compile(r"<svg [^>]*?(viewBox=\"[^\"]+\")>")
# Vega measures labels in this font; report.css names fonts of the same widths
_FONT = "Arial"


def catalogue_growth(history: Sequence[GrowthDay]) -> str:
    """Draw the tracks known after each partition, oldest first, with the new ones on top."""
    rows = [
        {"day": f"{row.observed_on:%m-%d}", "order": order, "part": part, "tracks": tracks}
        for row in history
        for order, part, tracks in (
            (0, "known before", row.tracks_known - row.new_tracks),
            (1, "new", row.new_tracks),
        )
    ]
    bars = _chart(rows).mark_bar(
        stroke=GAP, strokeWidth=1, size=min(44, int(0.7 * WIDTH / max(len(history), 1)))
    )
    return _svg(
        bars.encode(
            x=alt.X("day:O", sort=None, axis=alt.Axis(title=None, labelAngle=0, labelOverlap="greedy")),
            y=alt.Y("tracks:Q", axis=_count_axis("tracks")),
            color=_colour("part", ("known before", "new"), (MARK_SOFT, MARK)),
            order="order:Q",
        )
    )


def release_years(counts: Sequence[YearCount]) -> str:
    """Draw the albums by year of release and by type."""
    heights: Counter[float] = Counter()
    for row in counts:
        heights[row.release_year] += row.albums
    top = cut_axis(heights.values())
    left = dict.fromkeys(heights, top)
    rows = []
    for row in counts:
        room = left[row.release_year]
        shown = row.albums if room is None else min(row.albums, room)
        if room is not None:
            left[row.release_year] = room - shown
        rows.append(
            {
                "from": row.release_year - 0.45,
                "to": row.release_year + 0.45,
                "type": row.album_type if row.album_type in ALBUM_TYPES else "other",
                "albums": shown,
            }
        )
    present = [name for name in ALBUM_TYPES if any(row["type"] == name for row in rows)]
    years = [row.release_year for row in counts]
    scale = alt.Scale(domain=[min(years) - 1, max(years) + 1], nice=False)
    bars = (
        _chart(rows)
        .mark_bar(stroke=GAP, strokeWidth=1)
        .encode(
            x=alt.X(
                "from:Q",
                bin="binned",
                scale=scale,
                axis=alt.Axis(title=None, format="d", tickMinStep=1, tickCount=8),
            ),
            x2="to:Q",
            y=alt.Y("albums:Q", stack="zero", axis=_count_axis("albums"), scale=_up_to(top)),
            color=_colour("type", present, (MARK, MARK_SOFT, MARK_THIRD, TEXT)[: len(present)]),
        )
    )
    return _svg(bars if top is None else bars + _cut_bars(heights, top, scale))


def cut_axis(heights: Iterable[int]) -> int | None:
    """Return the end of an axis at which the highest bar is cut_axis; None if no bar is cut_axis."""
    ranked = sorted(heights, reverse=True)
    if len(ranked) < 3 or ranked[0] <= CUT_RATIO * ranked[1]:
        return None
    return math.ceil(1.3 * ranked[1])


def _up_to(top: int | None) -> alt.Scale:
    return alt.Scale() if top is None else alt.Scale(domain=[0, top], nice=False)


def _cut_bars(heights: Mapping[float, int], top: int, scale: alt.Scale) -> alt.Chart:
    """Return a layer with the figures of the bars that are cut_axis."""
    rows = [{"at": at, "figure": f"{count:,} ↑"} for at, count in heights.items() if count > top]
    return (
        _chart(rows)
        .mark_text(color=TEXT, fontSize=12, dy=-8)
        .encode(x=alt.X("at:Q", scale=scale), y=alt.YDatum(top), text="figure:N")
    )


def top_artists(artists: Sequence[ArtistRow]) -> str:
    """Draw the number of tracks that credit each artist, greatest first."""
    rows = [{"rank": rank, "tracks": row.tracks} for rank, row in enumerate(artists)]
    # by rank, since two artists can have one name; Vega reads JSON in ASCII as a literal, never as code
    names = json.dumps([artist_name(row.artist_name) for row in artists])
    axis = alt.Axis(
        title=None, labelExpr=f"{names}[datum.value]", labelLimit=200, ticks=False, labelPadding=6
    )
    base = _chart(rows).encode(
        y=alt.Y("rank:O", sort=None, axis=axis),
        x=alt.X("tracks:Q", axis=alt.Axis(title="tracks", tickCount=4, tickMinStep=1, format=",d")),
    )
    bars = base.mark_bar(color=MARK, height={"band": 0.72})
    values = base.mark_text(align="left", dx=4, color=TEXT, fontSize=11).encode(
        text=alt.Text("tracks:Q", format=",d")
    )
    return _svg(bars + values, height=20 * max(len(rows), 1))


def durations(bins: Sequence[Bin]) -> str:
    """Draw the tracks by length in half minutes; the last bar is for ten minutes and more."""
    width = DURATION_BIN_MS / 60_000
    last = DURATION_LAST_BIN * width
    axis = alt.Axis(
        title="minutes",
        values=list(range(0, int(last) + 1, 2)),
        labelExpr=f"datum.value >= {last:g} ? '{last:g}+' : datum.label",
    )
    return _histogram(bins, unit=width, domain=(0, last + width), axis=axis)


def popularity(bins: Sequence[Bin]) -> str:
    """Draw the tracks by popularity, 0 to 100 in steps of five."""
    axis = alt.Axis(title="popularity (0 to 100)", values=list(range(0, 101, 20)))
    return _histogram(bins, unit=1, domain=(0, 100), axis=axis, step=POPULARITY_BIN)


def _histogram(
    bins: Sequence[Bin], *, unit: float, domain: tuple[float, float], axis: alt.Axis, step: float = 1
) -> str:
    gap = 0.06 * step
    top = cut_axis(row.count for row in bins)
    rows = [
        {
            "from": (row.lower + gap) * unit,
            "to": (row.lower + step - gap) * unit,
            "tracks": row.count if top is None else min(row.count, top),
        }
        for row in bins
    ]
    scale = alt.Scale(domain=list(domain), nice=False)
    bars = (
        _chart(rows)
        .mark_bar(color=MARK)
        .encode(
            x=alt.X("from:Q", bin="binned", scale=scale, axis=axis),
            x2="to:Q",
            y=alt.Y("tracks:Q", axis=_count_axis("tracks"), scale=_up_to(top)),
        )
    )
    if top is None:
        return _svg(bars)
    return _svg(bars + _cut_bars({(row.lower + step / 2) * unit: row.count for row in bins}, top, scale))


def _chart(rows: list[dict[str, Any]]) -> alt.Chart:
    return alt.Chart(alt.Data(values=rows))


def _count_axis(title: str) -> alt.Axis:
    return alt.Axis(title=title, tickCount=4, tickMinStep=1, format=",d")


def _colour(field: str, names: Sequence[str], colours: Sequence[str]) -> alt.Color:
    return alt.Color(
        f"{field}:N",
        scale=alt.Scale(domain=list(names), range=list(colours)),
        legend=alt.Legend(orient="top", title=None, symbolType="square"),
    )


def _svg(chart: alt.Chart | alt.LayerChart, *, height: int = HEIGHT) -> str:
    spec = (
        chart.properties(width=WIDTH, height=height, autosize={"type": "fit-x", "contains": "padding"})
        .configure(background="transparent", font=_FONT)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=TEXT,
            titleColor=TEXT,
            titleFontWeight="normal",
            labelFontSize=12,
            titleFontSize=12,
            gridColor=GRID,
            domainColor=GRID,
            tickColor=GRID,
        )
        .configure_axisX(grid=False)
        .configure_legend(labelColor=TEXT, labelFontSize=12, offset=8)
        .configure_axisY(domain=False, ticks=False)
    )
    drawn = vl_convert.vegalite_to_svg(spec.to_dict())
    # screen readers read the figure around it; without width and height, CSS can scale the drawing
    return _ROOT.sub(r'<svg \1 aria-hidden="true" focusable="false">', drawn, count=1)
