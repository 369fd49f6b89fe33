"""Builds the pages of a week: releases, new records, popularity, and for each listener the plays."""

from __future__ import annotations

from datetime import date
from importlib import resources
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.files import write_atomically
from spotify_pipeline.lake.weeks import week_name, week_page_key
from spotify_pipeline.report import text
from spotify_pipeline.report.build import CONTENT_TYPE, reading_marts
from spotify_pipeline.report.week_model import WeekData
from spotify_pipeline.report.week_queries import read_week

if TYPE_CHECKING:
    from spotify_pipeline.stages.runtime import Runtime


def build_week(connection: ConnectionInfo, monday: date, *, made_up: bool = False) -> dict[str | None, str]:
    """Render the pages of a week by user hash; None is the page of the catalogue.

    A page does not contain the time of its rendering: equal warehouse contents give equal text.

    Raises:
        WarehouseUnavailable, ConfigurationError, SchemaVersionError: see `build_report`.
    """
    with reading_marts(connection, f"the week of {monday}") as warehouse:
        pages = read_week(warehouse, monday)
    return {user: render_week(data, made_up=made_up) for user, data in pages.items()}


def render_week(data: WeekData, *, made_up: bool = False) -> str:
    """Render one self-contained page: no script, no request to anywhere.

    Args:
        data: The data of the page.
        made_up: Whether the data comes from the sandbox; the page then says so.
    """
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
    return environment.get_template("week.html.j2").render(
        data=data,
        made_up=made_up,
        css=Markup(css),  # noqa: S704 - our own file
    )


def publish_week(runtime: Runtime, monday: date) -> list[str]:
    """Write the pages of a week to the lake; an equal object is not written again.

    The folder `settings.report_dir`, if it is set, gets a copy of the catalogue's page. Pages of listeners
    are only in the lake, where an erasure finds them.

    Returns:
        Keys of the pages.
    """
    written = []
    settings = runtime.settings
    for user, page in build_week(runtime.reader, monday, made_up=settings.made_up_data).items():
        key, content = week_page_key(monday, user), page.encode()
        stored = runtime.lake.find(key)
        if stored is None or stored.data != content:
            runtime.lake.put(key, content, content_type=CONTENT_TYPE)
        written.append(key)
        if user is None and settings.report_dir is not None:
            settings.report_dir.mkdir(parents=True, exist_ok=True)
            write_atomically(settings.report_dir / f"week-{week_name(monday)}.html", content)
    return written
