"""ISO weeks: their partition keys, and the keys of their pages."""

from __future__ import annotations

import re
from datetime import date, timedelta

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.lake import keys

# the Monday and, for the reader, the number of the week: Airflow's StartOfWeekMapper finds the days of a key
# by its year, month and day
KEY_FORMAT = "%Y-%m-%d (W%V)"
_KEY = re.compile(r"(\d{4}-\d{2}-\d{2})(?: \(W(\d{2})\))?")


def parse_week(text: str | None) -> date:
    """Return the Monday of a week's key: `2026-11-16 (W47)`, or the Monday alone.

    Raises:
        ConfigurationError: it is no such key, not a Monday, or the Monday of another week.
    """
    found = _KEY.fullmatch(text or "")
    if found:
        try:
            monday = date.fromisoformat(found[1])
        except ValueError:
            monday = None  # no such day: the error below says so
        if monday and monday.isoweekday() == 1 and found[2] in {None, f"{monday.isocalendar().week:02d}"}:
            return monday
    raise ConfigurationError(
        f"partition key {text!r} is not a week: trigger the run with a Monday's key, like 2026-11-16 (W47)"
    )


def week_name(monday: date) -> str:
    """Return the name of a week as in ISO 8601: `2026-W47`."""
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02d}"


def days(monday: date) -> list[date]:
    """Return the seven days of a week."""
    return [monday + timedelta(days=number) for number in range(7)]


def week_page_key(monday: date, user: str | None = None) -> str:
    """Return the key of a week's page, in the folder of its last day; for a listener, below `user=HASH`."""
    folder = keys.partition_prefix(keys.REPORTS, days(monday)[-1])
    if user is not None:
        folder = f"{keys.users_prefix(keys.REPORTS, days(monday)[-1])}{user}/"
    return f"{folder}week-{week_name(monday)}.html"
