"""Builds and tests the marts from staging, then publishes them."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import IdentityMapper, Param, PartitionedAssetTimetable, TriggerRule, dag, task

from spotify_pipeline.orchestration.alerts.callbacks import alert_arguments
from spotify_pipeline.orchestration.assets import MARTS, MODELS, STAGING
from spotify_pipeline.orchestration.dbt.docs import write_docs
from spotify_pipeline.orchestration.dbt.publication import (
    catch_up,
    publish_marts,
    require_newer_load,
    take_watermark,
)
from spotify_pipeline.orchestration.dbt.task_group import dbt_tasks
from spotify_pipeline.orchestration.defaults import default_args
from spotify_pipeline.settings import Settings, Stage

DBT_PROJECT = Settings.dbt_project_at_parse()


@dag(
    description="Builds and tests the marts with dbt, one task for each node, and publishes them",
    schedule=PartitionedAssetTimetable(assets=STAGING, default_partition_mapper=IdentityMapper()),
    # dbt builds each new table under a fixed name next to the old one: two runs at once would collide
    max_active_runs=1,
    catchup=False,
    default_args=default_args(Stage.DBT),
    **alert_arguments("spotify_transform"),
    params={
        "full_refresh": Param(
            False,
            type="boolean",
            title="Full refresh",
            description="build incremental models and seeds from nothing, as after a change of columns",
        ),
        "select": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            title="Models of the full refresh",
            description="names of models to build from nothing, one a line; none: all",
        ),
    },
    tags=["spotify", "dbt"],
    doc_md="""
### What it does
Runs for each partition of `spotify_staging`: freshness of the loads, then every dbt model, seed and data
test as a task of its own, then `publish`, `catch_up` and `write_docs`.

* Models are built and tested in schema `marts_build`, which readers cannot enter. `publish` makes it `marts`,
  in one transaction with its row of `ops.publication`: a reader sees the old tables or the new ones.
* `catch_up` builds the retired tables once more, so that a single task can be cleared later.
* If staging and the dbt project have not changed since the last publication, a run builds nothing:
  `is_anything_new` skips the models and tests, and `publish` adds this partition to that publication. So a
  second run of a date builds nothing, and a replay of many dates builds once or twice. A run that a person
  triggers always builds.
* Only `publish` emits `spotify_marts`, and it runs after every test. It also updates the assets of the models
  (`postgres://host:port/database/schema/table`); to start a DAG, use `spotify_marts`.
* `announce` starts `spotify_published`, which emits `spotify_marts_published` for DAGs without partitions.
* `write_docs` writes dbt's documentation to the lake (`docs/dbt/`), for the page *dbt docs* in the menu.
  If it cannot, the task is skipped and its log says why; other tasks do not wait for it.

### Running it again
You can run any task or run again at any time: it builds from the current staging. A cleared model or test
runs alone, then the tasks that depend on it.

### When it is red
A failing test stops only the models that depend on it, and `publish`. Its log has the compiled SQL and the
name of the table in `dbt_audit` with the failing rows. After a repair, clear that one task. After an outage,
the task was already tried five times over some minutes; a test that found bad rows is tried once.

### To build a table from nothing
Trigger the DAG with the date as partition key, *Full refresh* on, and the model's name in the field below it.

### When a test only warns
Its task is green and has the button *Warning*, an alert is sent once a day, and `ops.dbt_result` has the
status `warn`.
""",
)
def spotify_transform() -> None:
    @task
    def watermark() -> dict[str, Any]:
        """Record the newest load, and whether the published marts already contain it."""
        return take_watermark(DBT_PROJECT)

    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def is_anything_new(covered: dict[str, Any]) -> bool:
        """Skip all models and tests if the published marts were built from the same data and project."""
        return not covered["is_published"]

    # none of the nodes runs where nothing is new
    @task(outlets=[MARTS, MODELS], trigger_rule=TriggerRule.NONE_FAILED)
    def publish(covered: dict[str, Any]) -> None:
        """Make the tested tables the marts that people read, and emit `spotify_marts`."""
        publish_marts(DBT_PROJECT, covered)

    @task(outlets=[STAGING], trigger_rule=TriggerRule.ONE_FAILED)
    def build_again(covered: dict[str, Any] | None) -> int:
        """Request this partition again if data was loaded during a failed run."""
        return require_newer_load(covered)

    announce = TriggerDagRunOperator(
        task_id="announce",
        trigger_dag_id="spotify_published",
        conf={"partition": "{{ dag_run.partition_key }}"},
        doc_md="Start `spotify_published`, whose asset starts DAGs without partitions.",
    )
    covered = watermark()
    nodes = dbt_tasks(DBT_PROJECT, covered.operator.dag)
    new = is_anything_new(covered)
    covered >> nodes.freshness >> new >> nodes.first
    published = publish(covered)
    nodes.last >> published >> catch_up(DBT_PROJECT) >> write_docs(DBT_PROJECT)
    published >> announce
    nodes.last >> build_again(covered)


spotify_transform()
