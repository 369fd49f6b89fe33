"""Spotify → raw → validated → staging, one partition a day."""

from __future__ import annotations

from typing import Any

from airflow.sdk import CronPartitionTimetable, TriggerRule, dag, task, task_group

from spotify_pipeline.orchestration.alerts.callbacks import watched
from spotify_pipeline.orchestration.assets import STAGING
from spotify_pipeline.orchestration.defaults import START_DATE, default_args
from spotify_pipeline.settings import Settings, Stage

DOC = """
### What it does
Reads `sources.yml`, fetches each source from the Spotify Web API, keeps the responses unchanged, checks
every record against the contract, and upserts the good ones into `staging`. Emits the asset
`spotify_staging` with the partition as its key, which starts `spotify_transform`.

### The partition
An observation date, `YYYY-MM-DD` in UTC. Spotify serves today only, so a partition is fetched while its
date is today; for another date the run uses raw that exists, or is skipped.

### Details, closed buckets
Once the sources are loaded, `details` fetches ISRCs (and popularity, where the app gets it) within a budget
of calls. A task that meets a closed bucket frees its slot (`up_for_reschedule`) and resumes where it stopped;
after two hours, or at midnight, its source is partial and the next day continues.

### Running it again
Any task, any run, any time: equal data changes no row. By hand, trigger with the date as partition key.

### When it is red
`conclude` names each failed source and the way out; the others are loaded. Fix the cause, then clear the
`fetch` task of that source's group. *Raw responses* on a task's page shows what was fetched.

### Alerts
Each source that fails, partial sources, a quarantine above its warning level, a login that ends soon, a run
that takes over four hours (`SPOTIFY_PIPELINE_DEADLINE_INGEST`): once per cause and partition.
"""
FETCH, LOAD = Settings.placement(Stage.FETCH), Settings.placement(Stage.LOAD)


@dag(
    dag_id="spotify_ingest",
    description="Spotify → raw → validated → staging, a partition a day",
    schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", key_format="%Y-%m-%d", run_offset=0),
    start_date=START_DATE,
    catchup=False,
    max_active_runs=4,
    default_args=default_args(),
    **watched("spotify_ingest"),
    doc_md=DOC,
    tags=["spotify", "ingest"],
)
def spotify_ingest() -> None:
    @task
    def migrate() -> str:
        """Bring the warehouse to this code's schema."""
        from spotify_pipeline.orchestration.tasks import ingest

        return ingest.migrate_warehouse()

    @task
    def plan() -> list[dict[str, Any]]:
        """Group the sources; skip where the date is not Spotify's own."""
        from spotify_pipeline.orchestration.tasks import ingest

        return ingest.plan_groups()

    @task(map_index_template="{{ label }}", **LOAD)
    def validate(group: dict[str, Any]) -> dict[str, Any]:
        """Raw → validated rows, and quarantine with reasons."""
        from spotify_pipeline.orchestration.tasks import ingest

        return ingest.validate_group(group)

    @task(map_index_template="{{ label }}", **LOAD)
    def load(group: dict[str, Any]) -> dict[str, Any]:
        """Validated rows → staging, one transaction a source."""
        from spotify_pipeline.orchestration.tasks import ingest

        return ingest.load_group(group)

    @task_group
    def sources(group: dict[str, Any]) -> Any:
        @task(map_index_template="{{ label }}", **FETCH)
        def fetch(group: dict[str, Any]) -> dict[str, Any]:
            """Responses of the Web API → raw zone, manifest last."""
            from spotify_pipeline.orchestration.tasks import ingest

            return ingest.fetch_group(group)

        return load(validate(fetch(group)))

    @task_group
    def details(planned: list[dict[str, Any]], after: Any) -> Any:
        @task(trigger_rule=TriggerRule.ALL_DONE, **FETCH)
        def fetch(planned: list[dict[str, Any]] | None) -> dict[str, Any]:
            """Full tracks from the detail queue, within the day's budget."""
            from spotify_pipeline.orchestration.tasks import ingest

            return ingest.fetch_details(planned)

        fetched = fetch(planned)
        after >> fetched
        return load(validate(fetched))

    @task(outlets=[STAGING], trigger_rule=TriggerRule.ALL_DONE)
    def reconcile(
        planned: list[dict[str, Any]] | None, loaded: Any, detailed: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Check the counts and emit `spotify_staging`."""
        from spotify_pipeline.orchestration.tasks import ingest

        return ingest.reconcile_groups(planned, loaded, detailed, STAGING)

    @task
    def conclude(summary: dict[str, Any]) -> str:
        """Fail where a source failed."""
        from spotify_pipeline.orchestration.tasks import ingest

        return ingest.conclude(summary)

    planned = plan()
    migrate() >> planned
    loaded = sources.expand(group=planned)
    detailed = details(planned, loaded)
    planned >> conclude(reconcile(planned, loaded, detailed))


spotify_ingest()
