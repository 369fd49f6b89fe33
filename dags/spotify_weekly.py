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
from spotify_pipeline.orchestration.alerts.callbacks import watched
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
    description="The page of a week, once its seven days are published",
    schedule=PartitionedAssetTimetable(assets=MARTS, default_partition_mapper=WEEK),
    # two runs of one week would write the same objects
    max_active_runs=1,
    catchup=False,
    default_args=default_args(),
    **watched("spotify_weekly"),
    tags=["spotify", "report"],
    doc_md="""
### What it does
Runs once all seven days of an ISO week, Monday to Sunday in UTC, have emitted `spotify_marts`, and writes
what came out, what is new and what moved to `reports/ingest_date=<Sunday>/week-<year>-W<week>.html`. Each
listener has a page of their own below `user=<hash>/`, with what they played.

### Running it again
* **A day is missing** (Spotify has no past, so it stays missing): the week does not start by itself; its
  card on the DAG's page shows which days have come. Trigger the DAG with the week's key, its Monday like
  `2026-11-16 (W47)`: the page then says which days it lacks. So it is for the week in which the pipeline
  was first run.
* **A day that is published again** counts towards the week anew; the page is written again when all seven
  have been. Or trigger the week by hand, any time: what has not changed is left alone.

### When it is red
An outage of warehouse or store was tried again before: clear the task after the repair. It reads the
warehouse (as `warehouse_reader`) and writes to the object store, nothing else.
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
