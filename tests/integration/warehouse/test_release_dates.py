"""Tests that Spotify's release dates, a text and a precision, become dates."""

from __future__ import annotations

from datetime import date

import pytest

from tests.integration.warehouse.warehouse_database import Warehouse

pytestmark = pytest.mark.integration

DATES = {
    ("1999", "year"): date(1999, 1, 1),
    ("1999-07", "month"): date(1999, 7, 1),
    ("1999-07-23", "day"): date(1999, 7, 23),
    ("1999-07-23", "year"): date(1999, 1, 1),
    ("2024-02-29", "day"): date(2024, 2, 29),
    ("0000", "year"): None,
    ("0000-00-00", "day"): None,
    ("2021-02-30", "day"): None,
    ("1999", "day"): None,
    ("soon", "day"): None,
    ("23/07/1999", "day"): None,
    ("1999", "decade"): None,
    ("1999-07-23", None): None,
    (None, None): None,
}


def test_a_release_date_follows_its_precision(warehouse: Warehouse) -> None:
    with warehouse.connect() as conn:
        found = {
            written: conn.execute("SELECT staging.release_date(%s, %s)", written).fetchone()
            for written in DATES
        }
    assert found == {written: (day,) for written, day in DATES.items()}
