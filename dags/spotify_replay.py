"""Loads stored raw responses into staging again, for a range of dates, without a call to Spotify."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, PartitionedAtRuntime, dag, task, task_group

from spotify_pipeline.orchestration.alerts.callbacks import alert_arguments
from spotify_pipeline.orchestration.assets import STAGING
from spotify_pipeline.orchestration.defaults import START_DATE, default_args
from spotify_pipeline.settings import Settings, Stage

DOC = """
### What it does
Validates the stored responses of each date again, with today's schemas and code, and loads them. It does not
call Spotify. If today's code reads other values from a response, they replace the old ones. Records that are
valid now leave the quarantine. Emits `spotify_staging` with one key per date; each key starts
`spotify_transform`.

### When to run it
Run it after a fix in the contract or in a transformation, after the warehouse was restored, or to load
quarantined records that today's contract accepts. It reaches back as far as raw is kept
(`SPOTIFY_PIPELINE_RETAIN_RAW_DAYS`).

### Running it again
You can run any task or run again, at any time and in any order: equal raw and code change no row and no
object. A running ingest of the same partition takes priority: the replay of that source writes nothing and
is retried.

### When it is red
`plan` says what is wrong with the range. `conclude` names each failed source of a date and says what to do;
the other sources are loaded. Fix the cause, then clear that date's `replay` task.
"""


@dag(
    dag_id="spotify_replay",
    description="Loads stored raw responses into staging again, for a range of dates, by hand",
    schedule=PartitionedAtRuntime(),
    start_date=START_DATE,
    catchup=False,
    # the dates of one run are replayed in parallel; two runs over the same dates would wait for each other
    max_active_runs=1,
    default_args=default_args(),
    **alert_arguments("spotify_replay"),
    params={
        "from": Param(type="string", format="date", title="From", description="first date, YYYY-MM-DD"),
        "to": Param(type="string", format="date", title="To", description="last date, YYYY-MM-DD"),
        "sources": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            title="Sources",
            description="names of sources, one a line; none: all sources of each date",
        ),
        "engine": Param(
            "local",
            type="string",
            enum=["local", "spark"],
            title="Engine",
            description="spark: one job for each span of dates; needs Java and `make spark`",
        ),
    },
    doc_md=DOC,
    tags=["spotify", "replay"],
)
def spotify_replay() -> None:
    """Wire the tasks, which are in spotify_pipeline.orchestration.tasks.replay."""

    @task
    def plan() -> list[dict[str, Any]]:
        """List the dates of the range that have raw: one unit for each date, or with Spark for each span."""
        from spotify_pipeline.orchestration.tasks import replay as tasks

        return tasks.plan()

    @task_group
    def dates(unit: dict[str, Any]) -> None:
        @task(map_index_template="{{ label }}", **Settings.placement(Stage.LOAD))
        def replay(unit: dict[str, Any]) -> dict[str, Any]:
            """Validate and load raw again, source by source; with Spark, the whole span at once."""
            from spotify_pipeline.orchestration.tasks import replay as tasks

            return tasks.replay(unit)

        @task(map_index_template="{{ label }}", outlets=[STAGING])
        def reconcile(unit: dict[str, Any]) -> dict[str, Any]:
            """Check the counts of each date and emit `spotify_staging` with its key."""
            from spotify_pipeline.orchestration.tasks import replay as tasks

            return tasks.reconcile(unit, STAGING)

        @task(map_index_template="{{ label }}")
        def conclude(unit: dict[str, Any]) -> str:
            """Fail if a source failed."""
            from spotify_pipeline.orchestration.tasks import replay as tasks

            return tasks.conclude(unit)

        conclude(reconcile(replay(unit)))

    dates.expand(unit=plan())


spotify_replay()
