"""The page of a week: what came out, what is new, what moved, and for each listener what was played."""

from __future__ import annotations

from datetime import date
from importlib import resources
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.lake.weeks import week_page_key
from spotify_pipeline.report import text
from spotify_pipeline.report.build import CONTENT_TYPE, reading_marts
from spotify_pipeline.report.week_model import WeekData
from spotify_pipeline.report.week_queries import read_week

if TYPE_CHECKING:
    from spotify_pipeline.stages.runtime import Runtime


def build_week(connection: ConnectionInfo, monday: date) -> dict[str | None, str]:
    """Render the pages of a week: the catalogue's under None, each listener's under their hash.

    The pages show no time of their own making: the same warehouse contents give the same text.

    Raises:
        WarehouseUnavailable, ConfigurationError, SchemaVersionError: see `build_report`.
    """
    with reading_marts(connection, f"the week of {monday}") as warehouse:
        pages = read_week(warehouse, monday)
    return {user: render_week(data) for user, data in pages.items()}


def render_week(data: WeekData) -> str:
    """Render one self-contained page: no script, no request to anywhere."""
    environment = Environment(
        loader=PackageLoader("spotify_pipeline.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in (
        "artist_name",
        "title",
        "spotify_link",
        "number",
        "signed",
        "plural",
        "playing_time",
        "clean",
    ):
        environment.filters[name] = getattr(text, name)
    environment.filters["weekday"] = text.weekday
    css = resources.files(__package__).joinpath("templates/report.css").read_text("utf-8")
    return environment.get_template("week.html.j2").render(data=data, css=Markup(css))  # noqa: S704 - our own file


def publish_week(runtime: Runtime, monday: date) -> list[str]:
    """Write the pages of a week and give their keys in the lake; what holds the same bytes is left alone."""
    written = []
    for user, page in build_week(runtime.reader, monday).items():
        key, content = week_page_key(monday, user), page.encode()
        stored = runtime.lake.find(key)
        if stored is None or stored.data != content:
            runtime.lake.put(key, content, content_type=CONTENT_TYPE)
        written.append(key)
    return written
