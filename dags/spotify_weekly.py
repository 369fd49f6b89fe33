"""Writes the page of each week whose seven days were published."""

from __future__ import annotations

from airflow.sdk import (
    PartitionedAssetTimetable,
    RollupMapper,
    StartOfWeekMapper,
    WaitForAll,
    WeekWindow,
    dag,
    get_current_context,
    task,
)

from spotify_pipeline.lake.weeks import KEY_FORMAT, parse_week
from spotify_pipeline.orchestration.alerts.callbacks import alert_arguments
from spotify_pipeline.orchestration.assets import MARTS
from spotify_pipeline.orchestration.defaults import default_args
from spotify_pipeline.orchestration.runtime import running

# a run's key is the Monday of an ISO week, and it waits for the keys of the seven days from there
WEEK = RollupMapper(
    upstream_mapper=StartOfWeekMapper(input_format="%Y-%m-%d", output_format=KEY_FORMAT),
    window=WeekWindow(),
    wait_policy=WaitForAll(),
)


@dag(
    description="Writes the page of a week, after its seven days are published",
    schedule=PartitionedAssetTimetable(assets=MARTS, default_partition_mapper=WEEK),
    # two runs of one week would write the same objects
    max_active_runs=1,
    catchup=False,
    default_args=default_args(),
    **alert_arguments("spotify_weekly"),
    tags=["spotify", "report"],
    doc_md="""
### What it does
Runs when all seven days of an ISO week, Monday to Sunday in UTC, have emitted `spotify_marts`. Writes a page
with releases, new records and risers and fallers: `reports/ingest_date=<Sunday>/week-<year>-W<week>.html`.
Each listener has a page with their plays below `user=<hash>/`.

### Running it again
* **A day is missing.** It stays missing, because Spotify returns today's data only. The run of the week then
  does not start by itself; its card on the DAG's page shows the days that have arrived. Trigger the DAG with
  the key of the week, such as `2026-11-16 (W47)` for the week of that Monday. The page then names the missing
  days. The week in which the pipeline first ran usually has missing days.
* **A day is published again.** The page is written again when all seven days have been published again. Or
  trigger the week by hand at any time; an unchanged page is not written.

### When it is red
After an outage of warehouse or store, the task was already tried several times. Clear it after the repair. It
calls only the warehouse (as `warehouse_reader`) and the object store.
""",
)
def spotify_weekly() -> None:
    @task(doc_md="Read the marts up to the week's Sunday and write its pages to the lake.")
    def write_week() -> list[str]:
        from spotify_pipeline.report import publish_week

        with running() as runtime:
            return publish_week(runtime, parse_week(get_current_context()["dag_run"].partition_key))

    write_week()


spotify_weekly()
