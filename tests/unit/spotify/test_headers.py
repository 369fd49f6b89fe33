"""Tests reading Date and Retry-After in every form that a server may send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotify_pipeline.spotify.headers import (
    QUOTA_EXCEEDED,
    QUOTA_RETRY_AFTER_MISSING,
    RETRY_AFTER_MAX,
    RETRY_AFTER_MISSING,
    observed_at,
    parse_http_date,
    retry_after,
)

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("1", SECOND),
        ("7", 7 * SECOND),
        (" 7 ", 7 * SECOND),
        ("1.2", 2 * SECOND),
        ("86207", 86_207 * SECOND),
        ("0", SECOND),
        ("-5", SECOND),
        ("9" * 400, RETRY_AFTER_MAX),
        ("Sun, 22 Nov 2026 06:01:30 GMT", 90 * SECOND),
        ("Sun, 22 Nov 2026 05:00:00 GMT", SECOND),
        ("Fri, 31 Dec 9999 23:59:59 GMT", RETRY_AFTER_MAX),
        (None, RETRY_AFTER_MISSING),
        ("", RETRY_AFTER_MISSING),
        ("soon", RETRY_AFTER_MISSING),
        ("inf", RETRY_AFTER_MISSING),
        ("nan", RETRY_AFTER_MISSING),
        ("٣٠", RETRY_AFTER_MISSING),
    ],
)
def test_retry_after_is_read_in_every_notation(value: str | None, wait: timedelta) -> None:
    assert retry_after(value, NOW) == wait


def test_a_spent_quota_without_a_header_means_an_hour() -> None:
    assert retry_after(None, NOW, QUOTA_EXCEEDED) == QUOTA_RETRY_AFTER_MISSING
    assert retry_after("3", NOW, QUOTA_EXCEEDED) == timedelta(seconds=3)


@given(st.one_of(st.none(), st.text(), st.integers().map(str), st.floats().map(str)), st.datetimes())
def test_retry_after_always_gives_a_usable_deadline(value: str | None, observed: datetime) -> None:
    observed = observed.replace(tzinfo=UTC, year=min(observed.year, 9000))
    wait = retry_after(value, observed)
    assert SECOND <= wait <= RETRY_AFTER_MAX
    assert observed + wait > observed


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1)))
def test_an_http_date_can_be_read_back(moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC, microsecond=0)
    assert parse_http_date(format_datetime(moment, usegmt=True)) == moment


@given(st.text())
def test_any_text_is_a_date_in_utc_or_none(text: str) -> None:
    moment = parse_http_date(text)
    assert moment is None or moment.utcoffset() == timedelta(0)


def test_contradictory_dates_are_ignored() -> None:
    date = "Sun, 22 Nov 2026 06:00:00 GMT"
    assert observed_at([date]) == observed_at([date, date]) == NOW
    assert observed_at([date, "Sat, 21 Nov 2026 06:00:00 GMT"]) is None
    assert observed_at([]) is None
