"""Emits an asset after each publication, which starts DAGs without partitions."""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, get_current_context, task

from spotify_pipeline.orchestration.alerts.callbacks import alert_arguments
from spotify_pipeline.orchestration.assets import MARTS_PUBLISHED
from spotify_pipeline.orchestration.defaults import START_DATE, default_args


@dag(
    description="Emits an asset without a partition key, after the marts are published",
    schedule=None,
    start_date=START_DATE,
    catchup=False,
    is_paused_upon_creation=False,
    default_args=default_args(),
    **alert_arguments("spotify_published"),
    tags=["spotify", "dbt"],
    doc_md="""
### What it does
`spotify_transform` starts it after each publication. It emits `spotify_marts_published`, for DAGs with the
ordinary `schedule=[Asset("spotify_marts_published")]`. Airflow does not start these by the event of
`spotify_marts`, because it has a partition key. The event's extra names the partition.

### Running it again
You can run it again at any time: it starts the DAGs that wait for the asset once more, and changes no data.

### When it is red
The marts are published, but the DAGs that wait for the asset were not started. Clear the task `emit`.
""",
)
def spotify_published() -> None:
    @task(outlets=[MARTS_PUBLISHED])
    def emit() -> None:
        """Emit `spotify_marts_published`."""
        context: Any = get_current_context()
        partition = (context["dag_run"].conf or {}).get("partition")
        context["outlet_events"][MARTS_PUBLISHED].extra = {"partition": partition}

    emit()


spotify_published()
