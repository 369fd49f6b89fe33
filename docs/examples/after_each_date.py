"""A DAG that runs once for each date that is published, with the date as its partition key."""

from __future__ import annotations

from airflow.sdk import Asset, IdentityMapper, PartitionedAssetTimetable, dag, task


@dag(
    schedule=PartitionedAssetTimetable(
        assets=Asset("spotify_marts"), default_partition_mapper=IdentityMapper()
    ),
    catchup=False,
)
def after_each_date() -> None:
    """Read the marts of each date."""

    @task
    def read(dag_run=None) -> str:  # type: ignore[no-untyped-def]
        """Work on one date: read rows observed on or before it."""
        return str(dag_run.partition_key)

    read()


after_each_date()
