"""Renders the rows of a report as one HTML page. Equal rows give equal bytes; no clock is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from spotify_pipeline.report import charts, text
from spotify_pipeline.report.model import ReportData, SourceRow, Totals
from spotify_pipeline.report.queries import DURATION_BIN_MS, DURATION_LAST_BIN, POPULARITY_BIN

FILTERS = (
    "artist_name",
    "clean",
    "number",
    "playing_time",
    "plural",
    "release_date",
    "signed",
    "spotify_link",
    "title",
    "weekday",
)
"""Functions of `text` that templates use as filters."""


@dataclass(frozen=True)
class Figure:
    """A chart, a sentence that describes it, and its figures as a table."""

    anchor: str
    heading: str
    summary: str
    svg: Markup
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class SourceResult:
    """Result of one source: its status with a message, and its rows."""

    name: str
    status: str
    message: str | None
    rows: Sequence[SourceRow]


def render_page(data: ReportData, *, made_up: bool = False) -> str:
    """Render one self-contained page: no script, no request to anywhere.

    Args:
        data: The data of the page.
        made_up: Whether the data comes from the sandbox; the page then says so.
    """
    sources = group_sources(data.sources)
    return render_template(
        "report.html.j2",
        data=data,
        made_up=made_up,
        weekday=text.weekday(data.partition),
        figures=figures(data),
        sources=sources,
        failed=[source for source in sources if source.status == "failed"],
        partial=[source for source in sources if source.status == "partial"],
    )


def render_template(name: str, **values: object) -> str:
    """Render a template with the style sheet, and with the functions of `text` as filters."""
    environment = Environment(
        loader=PackageLoader("spotify_pipeline.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {function: getattr(text, function) for function in FILTERS}
    css = resources.files(__package__).joinpath("templates/report.css").read_text("utf-8")
    return environment.get_template(name).render(css=Markup(css), **values)  # noqa: S704 - our own file


def group_sources(rows: Sequence[SourceRow]) -> list[SourceResult]:
    """Group rows by source; the worst status of its record kinds is that of the source."""
    groups = []
    for name, members in groupby(rows, key=lambda row: row.source):
        kinds = list(members)
        statuses = {row.status for row in kinds}
        status = next((bad for bad in ("failed", "partial") if bad in statuses), "complete")
        message = next((row.message for row in kinds if row.status == status and row.message), None)
        groups.append(SourceResult(name, status, message, kinds))
    return groups


def figures(data: ReportData) -> list[Figure]:
    """Return the charts that have data, in reading order."""
    made = (_growth(data), _release_years(data), _top_artists(data), _durations(data), _popularity(data))
    return [figure for figure in made if figure is not None]


def _growth(data: ReportData) -> Figure | None:
    if len(data.growth) < 2:
        return None
    return Figure(
        anchor="growth",
        heading="Catalogue growth",
        summary=growth_sentence(data.totals, len(data.growth)),
        svg=_trusted(charts.catalogue_growth(data.growth)),
        columns=("Partition", "Tracks known", "New tracks", "New albums", "New artists", "Tracks read"),
        rows=[
            (
                row.observed_on.isoformat(),
                *map(text.number, (row.tracks_known, row.new_tracks, row.new_albums, row.new_artists)),
                "not known" if row.tracks_crawled is None else text.number(row.tracks_crawled),
            )
            for row in reversed(data.growth)
        ],
    )


def growth_sentence(totals: Totals, partitions: int) -> str:
    """Return a sentence that describes the growth chart."""
    return (
        f"{text.plural(totals.tracks, 'track')} known after {text.plural(partitions, 'partition')}, "
        f"{text.number(totals.new_tracks)} of them new since {totals.previous}."
    )


def _release_years(data: ReportData) -> Figure | None:
    if not data.release_years:
        return None
    years: dict[int, int] = {}
    for row in data.release_years:
        years[row.release_year] = years.get(row.release_year, 0) + row.albums
    best = max(years, key=lambda year: (years[year], year))
    return Figure(
        anchor="release-years",
        heading="Albums by year of release",
        summary=f"Releases from {min(years)} to {max(years)}; most are from {best} "
        f"({text.plural(years[best], 'album')}).",
        svg=_trusted(charts.release_years(data.release_years)),
        columns=("Year", "Type", "Albums"),
        rows=[
            (str(row.release_year), text.clean(row.album_type), text.number(row.albums))
            for row in reversed(data.release_years)
        ],
    )


def _top_artists(data: ReportData) -> Figure | None:
    if not data.artists:
        return None
    first = data.artists[0]
    return Figure(
        anchor="top-artists",
        heading="Artists with the most tracks",
        summary=f"{text.artist_name(first.artist_name)} is credited on the most: "
        f"{text.plural(first.tracks, 'track')}.",
        svg=_trusted(charts.top_artists(data.artists)),
        columns=("Artist", "Tracks"),
        rows=[(text.artist_name(row.artist_name), text.number(row.tracks)) for row in data.artists],
    )


def _durations(data: ReportData) -> Figure | None:
    if not data.durations:
        return None
    half = DURATION_BIN_MS // 1000
    known = sum(row.count for row in data.durations)
    short = sum(row.count for row in data.durations if row.lower * half < 180)
    return Figure(
        anchor="durations",
        heading="Length of tracks",
        summary=f"{short / known:.0%} of the tracks are shorter than three minutes.",
        svg=_trusted(charts.durations(data.durations)),
        columns=("Length from", "Tracks"),
        rows=[
            (
                _clock(row.lower * half) + (" or more" if row.lower == DURATION_LAST_BIN else ""),
                text.number(row.count),
            )
            for row in data.durations
        ],
    )


def _popularity(data: ReportData) -> Figure | None:
    if not data.popularity:
        return None
    known = sum(row.count for row in data.popularity)
    return Figure(
        anchor="popularity",
        heading="Popularity of tracks",
        summary=f"Spotify gives one for {text.number(known)} of {text.plural(data.totals.tracks, 'track')}.",
        svg=_trusted(charts.popularity(data.popularity)),
        columns=("Popularity", "Tracks"),
        rows=[
            (f"{row.lower} to {row.lower + POPULARITY_BIN - 1 + (row.lower == 95)}", text.number(row.count))
            for row in data.popularity
        ],
    )


def _clock(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02d}"


def _trusted(svg: str) -> Markup:
    """Mark Vega's SVG as safe markup: Vega escapes the text in it (tested with hostile names)."""
    return Markup(svg)  # noqa: S704
