"""Builds and tests the marts from staging, then publishes them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import IdentityMapper, PartitionedAssetTimetable, dag, get_current_context, task

from spotify_pipeline.orchestration.assets import MARTS, STAGING
from spotify_pipeline.orchestration.runtime import step
from spotify_pipeline.orchestration.transform import dbt_task_group

DBT_PROJECT = Path(__file__).resolve().parents[1] / "dbt"


@dag(
    schedule=PartitionedAssetTimetable(assets=STAGING, default_partition_mapper=IdentityMapper()),
    # dbt builds each table beside the old one under a fixed name: two runs at once would collide
    max_active_runs=1,
    catchup=False,
    default_args={"owner": "data-platform", "retries": 3, "retry_delay": timedelta(seconds=10)},
    tags=["spotify", "dbt"],
    doc_md="""
### spotify_transform

Runs for each partition of `spotify_staging`: freshness of the loads, then every dbt model, seed and data test as
a task of its own, then `publish`.

* **A failing test** stops the models behind it and `publish`, nothing else. Its failing rows lie in the schema
  `dbt_audit`. After a repair clear that one task: it and what follows run again.
* **An outage** is tried again three times; a test that found bad rows is not.
* **Running a partition again** builds whatever staging holds now; the marts end up the same.
* `spotify_marts` is emitted by `publish` alone, which stands behind every test.
""",
)
def spotify_transform() -> None:
    @task(
        outlets=[MARTS],
        doc_md="Note in ops.publication that the marts passed every test; emit `spotify_marts`.",
    )
    def publish() -> None:
        from spotify_pipeline.steps.publish import publish as publish_marts

        with step() as (runtime, partition):
            publish_marts(runtime, partition, get_current_context()["dag_run"].run_id)

    dbt_task_group(DBT_PROJECT) >> publish()


spotify_transform()
