"""`dbt build` over a real warehouse: marts, data tests and unit tests for both classes of app."""

from __future__ import annotations

import re
from datetime import date

import psycopg
import pytest
from tests.integration.dbt.dbt_warehouse import DAY, Warehouse, fill, spotify_id, statuses

from spotify_pipeline.settings import PROJECT_ROOT

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("extended", [False, True], ids=["development", "extended"])
def test_every_node_passes_for_either_class_of_app(warehouse: Warehouse, extended: bool) -> None:
    fill(warehouse, extended=extended)

    outcome = statuses(warehouse.dbt("build"))

    assert {name: status for name, status in outcome.items() if status not in {"success", "pass"}} == {}
    [track] = warehouse.query(
        "select track_name, album_name, primary_artist_name, artist_names, isrc, release_date, popularity,"
        " is_active, spotify_url"
        " from marts.dim_track where track_id = %s",
        spotify_id("ruby"),
    )
    assert track == (
        "Ruby",
        "Solo",
        "Monk",
        "Monk, Guest",
        "USRC17607839",
        date(1957, 4, 1),
        50 if extended else None,
        True,
        f"https://open.spotify.com/track/{spotify_id('ruby')}",
    )


def test_marts_answer_what_staging_holds(warehouse: Warehouse) -> None:
    fill(warehouse, extended=False)
    assert warehouse.dbt("build").success

    assert warehouse.query(
        "select artist_name, album_count, track_count, is_active from marts.dim_artist order by 1"
    ) == [
        ("Gone", 0, 0, False),
        ("Guest", 0, 2, False),
        ("Monk", 2, 3, True),
    ]
    assert warehouse.query(
        "select album_name, release_date, release_date_precision, release_year, known_track_count"
        " from marts.dim_album order by 1"
    ) == [("", None, None, None, 0), ("Solo", date(1957, 4, 1), "month", 1957, 2)]
    assert warehouse.query(
        "select artist_names, album_id, isrc from marts.dim_track where track_id = %s", spotify_id("stray")
    ) == [("Guest, Monk", None, None)]
    assert warehouse.query(
        "select artist_position, is_primary from marts.bridge_track_artist where track_id = %s order by 1",
        spotify_id("stray"),
    ) == [(1, True), (2, False)]
    assert warehouse.query("select * from marts.fct_catalogue_daily") == [(DAY, 3, 2, 1, 3, 2, 3)]
    assert warehouse.query(
        "select record_kind, fetched, loaded, quarantined, duplicates, is_complete"
        " from marts.fct_source_daily order by 1"
    ) == [("album", 2, 2, 0, 0, True), ("artist", 1, 1, 0, 0, True), ("track", 5, 3, 1, 1, True)]


def test_an_empty_warehouse_builds(warehouse: Warehouse) -> None:
    outcome = statuses(warehouse.dbt("build"))

    assert set(outcome.values()) <= {"success", "pass"}


def test_dbt_may_not_write_staging(warehouse: Warehouse) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        warehouse.execute("delete from staging.tracks", role="spotify_dbt")


def test_each_declared_index_is_there(warehouse: Warehouse) -> None:
    assert warehouse.dbt("run").success

    found = {
        (table, columns)
        for table, columns in warehouse.query(
            "select tablename, substring(indexdef from '\\((.*)\\)') from pg_indexes"
            " where schemaname = 'marts'"
        )
    }
    assert found >= {
        ("dim_track", "track_id"),
        ("dim_track", "isrc"),
        ("dim_track", "release_date"),
        ("dim_album", "album_id"),
        ("dim_artist", "artist_id"),
        ("bridge_track_artist", "artist_id"),
        ("fct_track_daily", "track_id, observed_on"),
        ("fct_track_daily", "load_seq"),
    }


def test_every_query_of_the_documentation_runs_for_a_reader(warehouse: Warehouse) -> None:
    fill(warehouse, extended=False)
    assert warehouse.dbt("run").success
    page = (PROJECT_ROOT / "docs" / "warehouse.md").read_text(encoding="utf-8")
    queries = re.findall(r"```sql\n(.*?)```", page, flags=re.DOTALL)

    answers = {query.splitlines()[0]: warehouse.query(query) for query in queries}

    assert len(answers) >= 4
    assert answers["select guest.artist_name, count(*) as tracks"] == [("Guest", 1), ("Monk", 1)]
