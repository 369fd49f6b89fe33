"""Tests that bad rows fail exactly the tests about them; results reach Airflow and ops.dbt_result."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk.exceptions import AirflowFailException
from cosmos import ProfileConfig
from cosmos.exceptions import CosmosDbtRunError

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.orchestration.dbt.operators import CheckFreshness, RunDataTest
from spotify_pipeline.orchestration.dbt.results import node_results, write_results
from spotify_pipeline.settings import PROJECT_ROOT
from tests.integration.dbt.dbt_warehouse import DAY, PASSWORD, Warehouse, fill, spotify_id, statuses

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PROFILE = ProfileConfig("spotify", "warehouse", profiles_yml_filepath=PROJECT_ROOT / "dbt" / "profiles.yml")
WRITTEN = (
    "select unique_id, resource_type, status, failures, partition, run_id, try_number from ops.dbt_result"
)


def data_test() -> RunDataTest:
    return RunDataTest(task_id="test", profile_config=PROFILE, project_dir=str(PROJECT_ROOT / "dbt"))


def not_passed(outcome: dict[str, str]) -> dict[str, str]:
    return {name: status for name, status in outcome.items() if status not in {"success", "pass"}}


def test_a_broken_row_fails_exactly_the_tests_about_it(warehouse: Warehouse) -> None:
    fill(warehouse, extended=False)
    assert warehouse.dbt("build").success
    # an id that Spotify never assigns; the track's observation now refers to no track
    warehouse.execute("update staging.tracks set track_id = 'short' where name = 'Stray'")

    outcome = not_passed(statuses(warehouse.dbt("test", "--exclude", "test_type:unit")))

    assert outcome == {
        "source_spotify_id_spotify_tracks_track_id": "fail",
        "new_rows_refer_to_stg_track_observations_track_id__track_id__ref_stg_tracks_": "fail",
    }
    assert warehouse.query(
        "select count(*) from dbt_audit.source_spotify_id_spotify_tracks_track_id",
        role="spotify_dbt",
    ) == [(1,)]


def test_a_reconciliation_that_does_not_add_up_fails(warehouse: Warehouse) -> None:
    fill(warehouse, extended=False)
    assert warehouse.dbt("run", "--select", "stg_reconciliation").success
    warehouse.execute("update ops.reconciliation set loaded = loaded - 1 where record_kind = 'album'")

    outcome = not_passed(statuses(warehouse.dbt("test", "--select", "stg_reconciliation")))

    assert outcome == {"reconciliation_adds_up": "fail"}


def test_an_album_in_quarantine_warns_and_the_build_succeeds(warehouse: Warehouse) -> None:
    fill(warehouse, extended=False)
    warehouse.execute("delete from staging.albums where name = 'Solo'", role="spotify_owner")
    warehouse.execute("delete from staging.album_observations where name = 'Solo'", role="spotify_owner")

    result = warehouse.dbt("build")

    assert result.success
    assert set(not_passed(statuses(result)).values()) == {"warn"}
    assert warehouse.query(
        "select track_name, album_name from marts.dim_track where track_id = %s", spotify_id("ruby")
    ) == [("Ruby", None)]


def test_an_outage_is_retried_and_a_failed_test_is_not(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(warehouse, extended=False)
    select = (
        "test",
        "--select",
        "source_spotify_id_spotify_artists_artist_id",
        "source_spotify_id_spotify_tracks_track_id",
    )
    warehouse.execute("update staging.tracks set track_id = 'short' where name = 'Ruby'")
    failed = warehouse.dbt(*select)
    warehouse.execute("alter table staging.tracks rename to moved_away")
    broken = warehouse.dbt(*select)
    monkeypatch.setenv("WAREHOUSE_PORT", "1")
    unreachable = warehouse.dbt(*select)

    with pytest.raises(AirflowFailException, match="Got 1 result, configured to fail if != 0"):
        data_test().handle_exception_dbt_runner(failed)
    with pytest.raises(CosmosDbtRunError, match="does not exist"):
        data_test().handle_exception_dbt_runner(broken)
    with pytest.raises(CosmosDbtRunError, match=r"[Cc]onnection"):
        data_test().handle_exception_dbt_runner(unreachable)


def test_stale_loads_fail_the_freshness_task(warehouse: Warehouse) -> None:
    operator = CheckFreshness(
        task_id="freshness",
        profile_config=PROFILE,
        project_dir=str(PROJECT_ROOT / "dbt"),
        select="source:ops.load",
    )
    check = ("source", "freshness", "--select", "source:ops.load")
    fill(warehouse, extended=False)
    operator.handle_exception_dbt_runner(warehouse.dbt(*check))

    long_ago = (datetime.now(UTC) - timedelta(days=5)).isoformat()
    warehouse.execute(f"update ops.load set started_at = '{long_ago}', finished_at = '{long_ago}'")

    with pytest.raises(AirflowFailException, match="load"):
        operator.handle_exception_dbt_runner(warehouse.dbt(*check))


def test_node_results_are_written_to_the_warehouse(warehouse: Warehouse) -> None:
    fill(warehouse, extended=False)
    warehouse.execute("update staging.tracks set track_id = 'short' where name = 'Ruby'")
    result = warehouse.dbt("build", "--select", "stg_artists", "source_spotify_id_spotify_tracks_track_id")

    write_results(
        login(warehouse),
        node_results(result.result.results),
        partition=str(DAY),
        run_id="run",
        task_id="task",
        try_number=2,
    )

    kept = {row[0]: row[1:] for row in warehouse.query(WRITTEN)}
    assert kept["model.spotify.stg_artists"] == ("model", "success", None, str(DAY), "run", 2)
    [failed] = [row for row in kept.values() if row[1] == "fail"]
    assert failed == ("test", "fail", 1, str(DAY), "run", 2)
    assert len(kept) == len(result.result.results)


def login(warehouse: Warehouse) -> ConnectionInfo:
    """Return connection `warehouse_dbt` of the test's warehouse."""
    server = ConnectionInfo("warehouse_dbt", "postgres", login="spotify_dbt", password=PASSWORD)
    host, port = warehouse.url("spotify_dbt").rpartition("@")[2].partition("/")[0].split(":")
    return ConnectionInfo(
        server.conn_id,
        "postgres",
        host=host,
        port=int(port),
        login=server.login,
        password=server.password,
        schema=warehouse.database,
    )
