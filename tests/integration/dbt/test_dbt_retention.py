"""Tests that retention deletes old rows and changes no fact that was derived from them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from spotify_pipeline.warehouse.retention import DELETE
from tests.integration.dbt.dbt_warehouse import DAY, Warehouse, fill, group, spotify_id, statuses

pytestmark = [pytest.mark.integration, pytest.mark.slow]
DAYS = [DAY + timedelta(days=number) for number in range(12)]
FLOOR = DAYS[5]
# columns that say which load wrote a row
BOOKKEEPING = {"load_seq", "next_load_seq"}
KEY_DATES = {
    "fct_track_daily": "observed_on",
    "fct_artist_daily": "observed_on",
    "fct_album_daily": "observed_on",
    "fct_top_track": "observed_on",
    "fct_top_artist": "observed_on",
    "mart_popularity_movers": "observed_on",
    "fct_play": "played_on",
    "fct_saved_track": "last_seen_on",
    "fct_followed_artist": "last_seen_on",
}
"""Marts whose rows are deleted with their staging row, and the date column that decides."""
HISTORIES = {"dim_track_history", "dim_artist_history", "dim_album_history", "dim_playlist_history"}
"""Marts whose windows are deleted when they ended before the first retained date."""


def fill_days(warehouse: Warehouse) -> None:
    """Insert more days after `fill`: two tracks are observed, played, and enter and leave a playlist."""
    fill(warehouse, extended=True)
    for number, day in enumerate(DAYS[3:], start=3):
        warehouse.begin_load(day)
        popularity = {"popularity": 40 + number} | group("popularity")
        for word in ("ruby", "stray"):
            warehouse.insert(
                "staging.track_observations",
                track_id=spotify_id(word),
                observed_on=day,
                name=word.title(),
                album_id=spotify_id("solo"),
                artist_ids=[spotify_id("monk")],
                duration_ms=180_000,
                **popularity,
            )
        warehouse.insert(
            "staging.artist_observations",
            artist_id=spotify_id("monk"),
            observed_on=day,
            name="Monk" if number < 8 else "Thelonious Monk",
        )
        warehouse.reading("evening", day, ["ruby"] + ["stray"] * (number % 4 > 0) + ["nutty"] * (number > 8))
        warehouse.top(day, ["ruby", "stray"] if number % 2 else ["stray", "ruby"])
        warehouse.play("ruby", datetime.combine(day, time(12), UTC))
        warehouse.play("stray", datetime.combine(day, time(13), UTC))
    warehouse.execute(f"update staging.tracks set last_seen_on = '{DAYS[-1]}'")


def marts(warehouse: Warehouse) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of all marts, without bookkeeping columns."""
    found = {}
    for (table,) in warehouse.query("select tablename from pg_tables where schemaname = 'marts'"):
        rows = warehouse.query(f"select to_jsonb(t) from marts.{table} as t")
        found[table] = sorted(
            ({key: value for key, value in row.items() if key not in BOOKKEEPING} for (row,) in rows), key=str
        )
    return found


def retained(table: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a mart that retention keeps; their values must not change."""
    if table in KEY_DATES:
        return [row for row in rows if date.fromisoformat(row[KEY_DATES[table]]) >= FLOOR]
    if table in HISTORIES:
        return [row for row in rows if not row["valid_to"] or date.fromisoformat(row["valid_to"]) >= FLOOR]
    return rows


@pytest.mark.parametrize("command", [("build",), ("build", "--full-refresh")], ids=["incremental", "full"])
def test_retention_changes_no_derived_fact(warehouse: Warehouse, command: tuple[str, ...]) -> None:
    fill_days(warehouse)
    assert warehouse.dbt("run").success
    before = marts(warehouse)

    cutoffs = {"history": f"date '{FLOOR}'", "plays": f"date '{FLOOR}'"}
    warehouse.remove(
        *(statement % cutoffs for table, statement in DELETE.items() if table.startswith("staging.")),
        history_before=FLOOR,
        plays_before=FLOOR,
    )
    outcome = statuses(warehouse.dbt(*command, "--exclude", "test_type:unit"))

    assert {name: status for name, status in outcome.items() if status not in {"success", "pass"}} == {}
    after = marts(warehouse)
    assert after.keys() == before.keys()
    for table, rows in before.items():
        assert after[table] == retained(table, rows), table
    assert len(after["fct_track_daily"]) < len(before["fct_track_daily"])


def test_a_date_before_the_retained_history_can_be_loaded(warehouse: Warehouse) -> None:
    """As in a replay, or a demo of an earlier year; the next retention deletes its observations."""
    fill(warehouse, extended=True)
    warehouse.remove(history_before=DAY, plays_before=DAY)
    assert warehouse.dbt("build", "--exclude", "test_type:unit").success
    earlier = DAY - timedelta(days=900)
    warehouse.begin_load(earlier)
    warehouse.insert(
        "staging.track_observations",
        track_id=spotify_id("ruby"),
        observed_on=earlier,
        name="Another name",
        album_id=spotify_id("solo"),
        artist_ids=[spotify_id("monk")],
        duration_ms=180_000,
    )
    warehouse.execute(
        f"update staging.tracks set first_seen_on = '{earlier}' where track_id = '{spotify_id('ruby')}'"
    )
    for deletions in ((), (f"delete from staging.track_observations where observed_on < '{DAY}'",)):
        if deletions:
            warehouse.remove(*deletions, history_before=DAY, plays_before=DAY)
        outcome = statuses(warehouse.dbt("build", "--exclude", "test_type:unit"))
        assert {name: status for name, status in outcome.items() if status not in {"success", "pass"}} == {}
        counts = warehouse.query(
            "select tracks_crawled from marts.fct_catalogue_daily where observed_on = %s", earlier
        )
        assert counts == [(1,)]


def test_a_corrected_reading_shortens_a_stay_that_retention_cut(warehouse: Warehouse) -> None:
    """The last reading that is known to have had the track is one of which nothing else is left."""
    build = ("run", "--select", "+fct_playlist_entry")
    for day in (DAYS[0], DAYS[4]):
        warehouse.begin_load(day)
        warehouse.reading("evening", day, ["ruby"])
    assert warehouse.dbt(*build).success
    warehouse.remove(
        f"delete from staging.playlist_membership where observed_on < '{DAYS[2]}'", history_before=DAYS[2]
    )
    warehouse.execute(
        f"delete from staging.playlist_membership where observed_on = '{DAYS[4]}';"
        f"delete from staging.list_reads where observed_on = '{DAYS[4]}'"
    )
    warehouse.begin_load(DAYS[4])
    warehouse.reading("evening", DAYS[4], ["nutty"])
    assert warehouse.dbt(*build).success

    stays = "select entered_on, last_observed_on, left_on from marts.fct_playlist_entry where track_id = %s"
    assert warehouse.query(stays, spotify_id("ruby")) == [(DAYS[0], DAYS[0], DAYS[4])]
