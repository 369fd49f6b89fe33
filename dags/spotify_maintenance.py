"""Deletes data that is older than its retention, and vacuums the warehouse, once a week."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task

from spotify_pipeline.orchestration.alerts.callbacks import alert_arguments
from spotify_pipeline.orchestration.defaults import START_DATE, default_args

DOC = """
### What it does
Removes raw, validated and quarantine objects, reports, observations, plays and logs that are older than the
settings `SPOTIFY_PIPELINE_RETAIN_…` allow, because Spotify's terms forbid keeping content for ever. Then it
vacuums the tables. The counts are in `ops.maintenance_run`; `dry_run` only counts, in the XCom of
`retention`. The marts follow with the next run of `spotify_transform`.

### Running it again
You can run it again at any time: the next run completes an interrupted one. A partition that a load or a
replay changed within the last day is left for the next run. Raw that was never loaded is kept twice as long.

### When it is red
`retention` reads the date from Spotify. Without a working app, set `as_of`.
"""


@dag(
    dag_id="spotify_maintenance",
    description="Deletes data older than its retention and vacuums the warehouse, weekly",
    schedule="30 3 * * 0",
    start_date=START_DATE,
    catchup=False,
    max_active_runs=1,
    default_args=default_args(),
    **alert_arguments("spotify_maintenance"),
    params={
        "dry_run": Param(
            False, type="boolean", title="Dry run", description="only count what would be deleted"
        ),
        "as_of": Param(
            None,
            type=["null", "string"],
            format="date",
            title="As of",
            description="date from which ages are counted, YYYY-MM-DD; none: Spotify's current date",
        ),
    },
    doc_md=DOC,
    tags=["spotify", "maintenance"],
)
def spotify_maintenance() -> None:
    """Wire the tasks, which are in spotify_pipeline.orchestration.tasks.maintenance."""

    @task
    def retention() -> dict[str, Any]:
        """Delete data that is older than its retention."""
        from spotify_pipeline.orchestration.tasks import maintenance

        return maintenance.retention()

    @task
    def upkeep() -> None:
        """Vacuum and analyze the tables."""
        from spotify_pipeline.orchestration.tasks import maintenance

        maintenance.upkeep()

    @task
    def forget_erased_login() -> int:
        """Delete the tokens of users whose data was erased."""
        from spotify_pipeline.orchestration.tasks import maintenance

        return maintenance.forget_erased_logins()

    [retention(), forget_erased_login()] >> upkeep()


spotify_maintenance()
