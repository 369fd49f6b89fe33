"""`spotify-pipeline report`: saves a page of a day or of a week as a file."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from spotify_pipeline.cli.connections import environment_or_stack
from spotify_pipeline.connections import SPOTIFY_LAKE
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.files import write_atomically
from spotify_pipeline.lake import Lake, keys
from spotify_pipeline.lake.partitions import partitions
from spotify_pipeline.lake.weeks import week_page_key

_WEEK = re.compile(r"(\d{4})-W(\d{2})")


def report(
    when: Annotated[
        str | None,
        typer.Argument(
            metavar="DATE|WEEK", help="2026-11-22 or 2026-W47. Default: the newest date with a report."
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            metavar="HASH",
            help="The week's page of this listener; `spotify-pipeline auth status` shows the hash.",
        ),
    ] = None,
    output: Annotated[Path, typer.Option(file_okay=False, help="Folder for the page.")] = Path(),
) -> None:
    """Save the report of a day, or the page of a week, as an HTML file, and print its path."""
    wanted = None if when is None else _wanted(when, user)
    if user is not None and (when is None or monday_of(when) is None):
        raise ConfigurationError("a listener has pages of weeks only: give a week, for example 2026-W47")
    lake = Lake(environment_or_stack(SPOTIFY_LAKE))
    key, name = wanted or _of_day(_newest(lake))
    page = lake.find(key)
    if page is None:
        raise ConfigurationError(
            f"there is no page '{key}' in bucket '{lake.bucket}': spotify_report writes that of a day, "
            "spotify_weekly that of a week"
        )
    output.mkdir(parents=True, exist_ok=True)
    write_atomically(output / name, page.data)
    typer.echo(output / name)


def _wanted(when: str, user: str | None) -> tuple[str, str]:
    """Return the key of a page, and the name of the file."""
    if (monday := monday_of(when)) is not None:
        key = week_page_key(monday, user)
        return key, key.rpartition("/")[2]
    try:
        return _of_day(keys.parse_partition(when))
    except ConfigurationError:
        raise ConfigurationError(
            f"'{when}' is neither a date such as 2026-11-22 nor a week such as 2026-W47"
        ) from None


def _of_day(partition: date) -> tuple[str, str]:
    return keys.report_key(partition), f"report-{partition}.html"


def monday_of(text: str) -> date | None:
    """Return the Monday of an ISO week such as `2026-W47`; None for other text.

    Raises:
        ConfigurationError: the year has no such week.
    """
    found = _WEEK.fullmatch(text)
    if found is None:
        return None
    try:
        return date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        raise ConfigurationError(f"'{text}' is not a week of the calendar") from None


def _newest(lake: Lake) -> date:
    for partition in reversed(partitions(lake, keys.REPORTS)):
        # the folder of a Sunday may hold the page of its week only
        if keys.report_key(partition) in lake.keys(keys.partition_prefix(keys.REPORTS, partition)):
            return partition
    raise ConfigurationError(f"bucket '{lake.bucket}' has no report yet: spotify_report writes one")
