"""Spotify → raw → validated → staging, one partition a day."""

from __future__ import annotations

from typing import Any

from airflow.sdk import CronPartitionTimetable, TriggerRule, dag, task, task_group

from spotify_pipeline.orchestration.alerts.callbacks import alert_arguments
from spotify_pipeline.orchestration.assets import STAGING
from spotify_pipeline.orchestration.defaults import START_DATE, default_args
from spotify_pipeline.settings import Settings, Stage

DOC = """
### What it does
Reads `sources.yml`, fetches each source from the Spotify Web API, stores the responses, checks every record
against the contract, and upserts the valid ones into `staging`. Emits the asset `spotify_staging` with the
partition as its key, which starts `spotify_transform`.

### The partition
An observation date, `YYYY-MM-DD` in UTC. Spotify returns today's data only, so a partition is fetched while
its date is today. For another date the run uses stored raw responses, or is skipped if there are none.

### Details, closed buckets
After the sources are loaded, `details` fetches ISRCs (and popularity, if the app gets it) within a budget of
calls. If a bucket is closed, the task frees its slot (`up_for_reschedule`) and later resumes where it
stopped. If the bucket does not open within two hours and before midnight UTC, the source is partial and the
next day continues.

### Running it again
You can run any task or run again at any time: equal data changes no row. To run a date by hand, trigger the
DAG with the date as partition key.

### When it is red
`conclude` names each failed source and says what to do; the other sources are loaded. Fix the cause, then
clear the `fetch` task of that source's group. *Raw responses* on a task's page shows the stored responses.

### Alerts
An alert is sent once per cause and partition: for each failed source, partial sources, a quarantine above its
warning level, a login that ends soon, and a run of over four hours (`SPOTIFY_PIPELINE_DEADLINE_INGEST`).
"""
FETCH, LOAD = Settings.placement(Stage.FETCH), Settings.placement(Stage.LOAD)


@dag(
    dag_id="spotify_ingest",
    description="Fetches, validates and loads the data of Spotify, one partition a day",
    schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", key_format="%Y-%m-%d", run_offset=0),
    start_date=START_DATE,
    catchup=False,
    max_active_runs=4,
    default_args=default_args(),
    **alert_arguments("spotify_ingest"),
    doc_md=DOC,
    tags=["spotify", "ingest"],
)
def spotify_ingest() -> None:
    @task
    def migrate() -> str:
        """Migrate the warehouse to the schema of this release."""
        from spotify_pipeline.orchestration.tasks import ingest

        return ingest.migrate_warehouse()

    @task
    def plan() -> list[dict[str, Any]]:
        """Group the sources; skip a date that is not Spotify's current date and has no raw."""
        from spotify_pipeline.orchestration.tasks import ingest

        return ingest.plan_groups()

    @task(map_index_template="{{ label }}", **LOAD)
    def validate(group: dict[str, Any]) -> dict[str, Any]:
        """Check raw records against the contract; write valid and quarantined records."""
        from spotify_pipeline.orchestration.tasks import ingest

        return ingest.validate_group(group)

    @task(map_index_template="{{ label }}", **LOAD)
    def load(group: dict[str, Any]) -> dict[str, Any]:
        """Upsert validated records into staging, one transaction for each source."""
        from spotify_pipeline.orchestration.tasks import ingest

        return ingest.load_group(group)

    @task_group
    def sources(group: dict[str, Any]) -> Any:
        @task(map_index_template="{{ label }}", **FETCH)
        def fetch(group: dict[str, Any]) -> dict[str, Any]:
            """Store responses of the Web API in the raw zone; write the manifest last."""
            from spotify_pipeline.orchestration.tasks import ingest

            return ingest.fetch_group(group)

        return load(validate(fetch(group)))

    @task_group
    def details(planned: list[dict[str, Any]], after: Any) -> Any:
        @task(trigger_rule=TriggerRule.ALL_DONE, **FETCH)
        def fetch(planned: list[dict[str, Any]] | None) -> dict[str, Any]:
            """Fetch full tracks from the detail queue, within the day's budget."""
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
        """Fail if a source failed."""
        from spotify_pipeline.orchestration.tasks import ingest

        return ingest.conclude(summary)

    planned = plan()
    migrate() >> planned
    loaded = sources.expand(group=planned)
    detailed = details(planned, loaded)
    planned >> conclude(reconcile(planned, loaded, detailed))


spotify_ingest()
