"""Tests that incremental builds by load_seq equal a full refresh, in whatever order the loads came."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from spotify_pipeline.warehouse.retention import DELETE
from tests.integration.dbt.dbt_warehouse import DAY, LISTENER, Warehouse, fill, spotify_id

pytestmark = [pytest.mark.integration, pytest.mark.slow]
FACTS = "select * from marts.fct_track_daily order by track_id, observed_on"


INCREMENTAL = (
    "fct_track_daily",
    "fct_artist_daily",
    "fct_catalogue_daily",
    "dim_track_history",
    "dim_artist_history",
    "mart_popularity_movers",
    "fct_playlist_entry",
    "mart_playlist_churn",
    "fct_top_track",
    "fct_top_artist",
    "fct_first_listen",
    "fct_play",
    "mart_listening_daily",
)
# each model with everything upstream of it
ALL = ("run", "--select", *(f"+{model}" for model in INCREMENTAL))
INGEST = "spotify_ingest"
SCHEDULE_DAYS = [DAY + timedelta(days=number) for number in range(6)]


def facts(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.query(FACTS)


def observe(warehouse: Warehouse, word: str, day_offset: int, duration_ms: int) -> None:
    """Insert one more observation of a track of `fill`."""
    warehouse.insert(
        "staging.track_observations",
        track_id=spotify_id(word),
        observed_on=DAY + timedelta(days=day_offset),
        name=word.title(),
        album_id=spotify_id("solo"),
        artist_ids=[spotify_id("monk")],
        duration_ms=duration_ms,
    )


def test_late_and_erased_observations_equal_a_full_refresh(warehouse: Warehouse) -> None:
    fill(warehouse, extended=False)
    build = ("run", "--select", "+fct_track_daily")
    assert warehouse.dbt(*build).success
    first = facts(warehouse)
    assert len(first) == 3

    # the next day, then one that arrives late, a corrected one, and one that is erased
    warehouse.begin_load(DAY + timedelta(days=1))
    observe(warehouse, "ruby", 1, 181_000)
    warehouse.begin_load(DAY - timedelta(days=1))
    observe(warehouse, "ruby", -1, 179_000)
    warehouse.begin_load(DAY)
    warehouse.execute(
        "update staging.track_observations"
        f" set duration_ms = 182000, load_seq = {int(warehouse.load_seq)} where name = 'Nutty'",
        role="spotify_ingest",
    )
    warehouse.remove("delete from staging.track_observations where name = 'Stray'")
    assert warehouse.dbt(*build).success
    incremental = facts(warehouse)
    assert warehouse.dbt(*build, "--full-refresh").success

    assert incremental == facts(warehouse)
    assert [(row[0].rstrip("0"), row[1] - DAY, row[6]) for row in incremental] == [
        ("nutty", timedelta(0), 182_000),
        ("ruby", timedelta(days=-1), 179_000),
        ("ruby", timedelta(0), 180_000),
        ("ruby", timedelta(days=1), 181_000),
    ]


def test_a_second_run_changes_nothing(warehouse: Warehouse) -> None:
    fill(warehouse, extended=False)
    build = ("run", "--select", "+fct_track_daily", "+mart_listening_daily")
    assert warehouse.dbt(*build).success
    tables = ("fct_track_daily", "fct_first_listen", "fct_play", "mart_listening_daily")
    places = " union all ".join(f"select '{table}', ctid::text from marts.{table}" for table in tables)
    before = sorted(warehouse.query(places))
    assert {table for table, _ in before} == set(tables)

    assert warehouse.dbt(*build).success

    assert sorted(warehouse.query(places)) == before


def test_a_play_that_comes_during_a_build_is_in_all_marts(warehouse: Warehouse) -> None:
    """Its load ends after int_plays has read the log of loads, which is why the log does not have it."""
    fill(warehouse, extended=False)
    build = ("run", "--select", "+mart_listening_daily")
    assert warehouse.dbt(*build).success
    warehouse.load_seq += 1
    warehouse.play("new", datetime.combine(DAY, time(23), UTC))

    assert warehouse.dbt(*build).success

    of_day = "select sum(plays), sum(new_tracks) from marts.mart_listening_daily"
    assert warehouse.query(of_day) == warehouse.query(
        "select count(*), count(distinct (user_hash, track_id)) from staging.plays", role=INGEST
    )
    assert warehouse.query("select count(*) from marts.fct_play where track_id = %s", spotify_id("new")) == [
        (1,)
    ]


def load_at_random(warehouse: Warehouse, rng: random.Random, days: Sequence[date] = SCHEDULE_DAYS) -> None:
    """Load new, repeated or corrected observations of a random date; sometimes erase some."""
    day = rng.choice(days)
    warehouse.begin_load(day)
    for number in range(4):
        if rng.random() < 0.7:
            observe_at_random(warehouse, rng, f"t{number}", day)
    if rng.random() < 0.5:
        popularity = rng.choice([None, 50, 51])
        upsert(
            warehouse,
            "staging.artist_observations",
            {"artist_id": spotify_id("monk"), "observed_on": day},
            {
                "name": rng.choice(["Monk", "Thelonious Monk"]),
                "genres": rng.choice([None, ["jazz"], ["bebop", "jazz"]]),
                "popularity": popularity,
            },
        )
    of_load = random.Random(warehouse.load_seq)
    if of_load.random() < 0.3:
        upsert(
            warehouse,
            "staging.albums",
            {"album_id": spotify_id("solo")},
            {
                "name": "Solo",
                "artist_ids": [spotify_id("monk")],
                "release_date_raw": of_load.choice(["1957-04-05", "1958-01-01"]),
                "release_date_precision": of_load.choice(["year", "day"]),
                "first_seen_on": DAY,
                "last_seen_on": day,
            },
        )
    read_at_random(warehouse, rng, day)
    if rng.random() < 0.3:
        erased = rng.choice([f"track_id = '{spotify_id('t1')}'", f"observed_on = '{day}'"])
        warehouse.remove(f"delete from staging.track_observations where {erased}")
    if rng.random() < 0.2:
        tables = ("playlist_membership", "top_tracks", "plays")
        of_track = f"where track_id = '{spotify_id('t2')}'"
        warehouse.remove(*(f"delete from staging.{table} {of_track}" for table in tables))


def read_at_random(warehouse: Warehouse, rng: random.Random, day: date) -> None:
    """Replace that date's readings of two playlists and the top lists, and add some plays."""
    words = [f"t{number}" for number in range(4)]
    for name in ("evening", "morning"):
        if rng.random() < 0.6:
            delete_reading(warehouse, "playlist_membership", "playlist_id", spotify_id(name), day)
            tracks: list[str | None] = [*rng.choices(words, k=rng.randint(0, 4))]
            warehouse.reading(name, day, tracks, complete=rng.random() < 0.7)
    if rng.random() < 0.6:
        for kind in ("top_tracks", "top_artists"):
            delete_reading(warehouse, kind, "user_hash", f"{LISTENER}:short_term", day)
        warehouse.top(day, rng.sample(words, k=rng.randint(0, 4)))
        warehouse.top_artists(day, rng.sample(["monk", "guest"], k=rng.randint(0, 2)))
    for word in rng.sample(words, k=rng.randint(0, 2)):
        moment = datetime.combine(day, time(rng.randrange(24), rng.randrange(60)), UTC)
        if not warehouse.query("select 1 from staging.plays where played_at = %s", moment, role=INGEST):
            warehouse.play(word, moment)


def delete_reading(warehouse: Warehouse, table: str, column: str, list_id: str, day: date) -> None:
    """Delete a reading that the caller replaces; the id of a top list begins with its user."""
    owner = list_id.partition(":")[0]
    warehouse.execute(
        f"delete from staging.{table} where {column} = '{owner}' and observed_on = '{day}';"
        f"delete from staging.list_reads where list_id = '{list_id}' and observed_on = '{day}'",
        role="spotify_owner",
    )


def prune(warehouse: Warehouse, floor: date) -> None:
    """Delete all rows dated before `floor`, as retention does."""
    cutoffs = {"history": f"date '{floor}'", "plays": f"date '{floor}'"}
    warehouse.remove(
        *(statement % cutoffs for table, statement in DELETE.items() if table.startswith("staging.")),
        history_before=floor,
        plays_before=floor,
    )


def observe_at_random(warehouse: Warehouse, rng: random.Random, word: str, day: date) -> None:
    of_load = random.Random(f"{word} {warehouse.load_seq}")
    upsert(
        warehouse,
        "staging.track_observations",
        {"track_id": spotify_id(word), "observed_on": day},
        {
            "name": rng.choice(["Ruby", "Ruby, My Dear"]),
            "album_id": spotify_id("solo"),
            "artist_ids": [spotify_id(of_load.choice(["monk", "guest"]))],
            "duration_ms": 180_000,
            "explicit": False,
            "isrc": rng.choice([None, None, "USRC17607839", "us-rc1-76-07840"]),
            "popularity": rng.choice([None, 10, 20]),
        },
    )


def upsert(warehouse: Warehouse, table: str, key: dict[str, Any], values: dict[str, Any]) -> None:
    """Write the newest values for a key; equal values change no row, as in the loader."""
    where = " and ".join(f"{column} = %s" for column in key)
    columns = list(values)
    found = warehouse.query(
        f"select {', '.join(columns)} from {table} where {where}", *key.values(), role="spotify_ingest"
    )
    if found and dict(zip(columns, found[0], strict=True)) == values:
        return
    if found:
        warehouse.execute(
            f"delete from {table} where "
            + " and ".join(f"{name} = '{value}'" for name, value in key.items()),
            role="spotify_owner",
        )
    warehouse.insert(table, **key, **values)


@pytest.mark.parametrize("seed", [1, 2])
def test_any_schedule_of_loads_equals_a_full_refresh(warehouse: Warehouse, seed: int) -> None:
    rng = random.Random(seed)
    assert warehouse.dbt(*ALL).success
    for _ in range(4):
        for _ in range(rng.randint(1, 6)):
            load_at_random(warehouse, rng)
        assert warehouse.dbt(*ALL).success
    incremental = {model: rows(warehouse, model) for model in INCREMENTAL}
    assert warehouse.dbt(*ALL, "--full-refresh").success

    for model, found in incremental.items():
        assert found == rows(warehouse, model), model
        assert found, model


@pytest.mark.parametrize("seed", [1, 2])
def test_a_pruned_schedule_equals_a_full_refresh(warehouse: Warehouse, seed: int) -> None:
    rng = random.Random(seed)
    for number, day in enumerate((*SCHEDULE_DAYS, *SCHEDULE_DAYS)):
        load_at_random(warehouse, rng, [day])
        if number % 4 == 3:
            assert warehouse.dbt(*ALL).success
    prune(warehouse, SCHEDULE_DAYS[3])
    for _ in range(3):
        load_at_random(warehouse, rng, SCHEDULE_DAYS[3:])
        assert warehouse.dbt(*ALL).success
    incremental = {model: rows(warehouse, model) for model in INCREMENTAL}
    assert warehouse.dbt(*ALL, "--full-refresh").success

    for model, found in incremental.items():
        assert found == rows(warehouse, model), model
        assert found, model


def rows(warehouse: Warehouse, model: str) -> list[tuple[Any, ...]]:
    """Return all rows in order, without load_seq, which may differ between equal builds."""
    columns = [
        name
        for (name,) in warehouse.query(
            "select column_name from information_schema.columns"
            " where table_schema = 'marts' and table_name = %s order by ordinal_position",
            model,
        )
        if name != "load_seq"
    ]
    return warehouse.query(f"select {', '.join(columns)} from marts.{model} order by 1, 2, 3, 4")


def test_an_observation_that_loses_a_value_updates_the_history(warehouse: Warehouse) -> None:
    """A corrected observation loses the ISRC that had opened a window of the history."""
    fill(warehouse, extended=False)
    isrcs = "select valid_from - %s, isrc from marts.dim_track_history where track_id = %s order by 1"
    warehouse.begin_load(DAY + timedelta(days=1))
    observe(warehouse, "stray", 1, 180_000)
    correct(warehouse, "isrc = 'USRC17607839'")
    assert warehouse.dbt("run", "--select", "+dim_track_history").success
    before = warehouse.query(isrcs, DAY, spotify_id("stray"))
    assert [isrc for _, isrc in before] == [None, "USRC17607839"]

    warehouse.begin_load(DAY + timedelta(days=2))
    correct(warehouse, "isrc = null")
    assert warehouse.dbt("run", "--select", "dim_track_history").success

    after = warehouse.query(isrcs, DAY, spotify_id("stray"))
    assert [isrc for _, isrc in after] == [None, None], (
        "the second window remains because the album differs from that day on"
    )


def correct(warehouse: Warehouse, change: str) -> None:
    """Change the newest observation of the stray track, as a later load does."""
    warehouse.execute(
        f"update staging.track_observations set {change}, load_seq = {int(warehouse.load_seq)}"
        f" where track_id = '{spotify_id('stray')}' and observed_on = '{DAY + timedelta(days=1)}'",
        role="spotify_ingest",
    )
