"""Builds the pages of a week: releases, new records, popularity, and for each listener the plays."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.lake.weeks import week_name, week_page_key
from spotify_pipeline.report.build import reading_marts, store_page
from spotify_pipeline.report.page import render_template
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
    return render_template("week.html.j2", data=data, made_up=made_up)


def publish_week(runtime: Runtime, monday: date) -> list[str]:
    """Write the pages of a week to the lake; an equal object is not written again.

    The folder `settings.report_dir`, if it is set, gets a copy of the catalogue's page. Pages of listeners
    are only in the lake, where an erasure finds them.

    Returns:
        Keys of the pages.
    """
    written = []
    pages = build_week(runtime.reader, monday, made_up=runtime.settings.made_up_data)
    for user, page in pages.items():
        key = week_page_key(monday, user)
        store_page(runtime, key, page, copy=f"week-{week_name(monday)}.html" if user is None else None)
        written.append(key)
    return written
