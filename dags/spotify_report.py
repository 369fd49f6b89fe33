"""Writes the report of each partition whose marts were published."""

from __future__ import annotations

from airflow.sdk import IdentityMapper, PartitionedAssetTimetable, dag, task

from spotify_pipeline.orchestration.alerts.callbacks import alert_arguments
from spotify_pipeline.orchestration.assets import MARTS
from spotify_pipeline.orchestration.defaults import default_args
from spotify_pipeline.orchestration.runtime import running_partition


@dag(
    description="Writes the page of a partition, after its marts are published",
    schedule=PartitionedAssetTimetable(assets=MARTS, default_partition_mapper=IdentityMapper()),
    # two runs of one partition would write the same object
    max_active_runs=1,
    catchup=False,
    default_args=default_args(),
    **alert_arguments("spotify_report"),
    tags=["spotify", "report"],
    doc_md="""
### What it does
Runs for each partition of `spotify_marts`, which is emitted only when every data test has passed, and
writes one self-contained page to the lake: `reports/ingest_date=<partition>/report.html`. *Report* on the
task's page opens it. It calls only the warehouse (as `warehouse_reader`) and the object store.

### Running it again
You can run it again at any time: it reads the marts as they are now, but only rows observed on or before the
partition. It does not write the page if nothing on it changed. Clear `write_report`, or trigger the DAG with
the same key.

### When it is red
After an outage of warehouse or store, the task was already tried several times. A refused login or an absent
bucket fails at once, with the name of its connection. Clear the task after the repair.
""",
)
def spotify_report() -> None:
    @task(doc_md="Read the marts up to the partition and write its page to the lake.")
    def write_report() -> str:
        from spotify_pipeline.report import publish_report

        with running_partition() as (runtime, partition):
            return publish_report(runtime, partition)

    write_report()


spotify_report()
