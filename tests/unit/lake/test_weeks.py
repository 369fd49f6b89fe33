"""Tests weeks as partitions."""

from __future__ import annotations

from datetime import date

import pytest
from airflow.partition_mappers.temporal import StartOfWeekMapper

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.lake import keys
from spotify_pipeline.lake.weeks import KEY_FORMAT, days, parse_week, week_name, week_page_key

MONDAY = date(2026, 11, 16)
USER = "0123456789abcdef"


@pytest.mark.parametrize("key", ["2026-11-16 (W47)", "2026-11-16"])
def test_a_week_is_identified_by_its_monday(key: str) -> None:
    assert parse_week(key) == MONDAY


@pytest.mark.parametrize(
    "key", [None, "", "2026-W47", "2026-11-17 (W47)", "2026-11-16 (W46)", "2026-02-30", "2026-11-16 (W47) "]
)
def test_an_invalid_week_is_refused_with_an_example(key: str | None) -> None:
    with pytest.raises(ConfigurationError, match=r"like 2026-11-16 \(W47\)"):
        parse_week(key)


@pytest.mark.parametrize("day", [*days(MONDAY), date(2027, 1, 1), date(2024, 12, 30), date(2021, 1, 3)])
def test_the_scheduler_s_key_of_any_day_can_be_parsed(day: date) -> None:
    mapper = StartOfWeekMapper(input_format="%Y-%m-%d", output_format=KEY_FORMAT)
    monday = parse_week(mapper.to_downstream(day.isoformat()))
    assert day in days(monday)
    assert day.isocalendar()[:2] == monday.isocalendar()[:2]


def test_a_week_across_new_year_has_its_iso_8601_name() -> None:
    assert week_name(date(2024, 12, 30)) == "2025-W01"
    assert week_name(date(2020, 12, 28)) == "2020-W53"


def test_week_pages_are_stored_with_the_last_day() -> None:
    assert week_page_key(MONDAY) == "reports/ingest_date=2026-11-22/week-2026-W47.html"
    own = week_page_key(MONDAY, USER)
    assert own.startswith(f"{keys.users_prefix(keys.REPORTS, date(2026, 11, 22))}{USER}/")
