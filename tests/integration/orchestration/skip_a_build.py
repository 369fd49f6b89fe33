"""Simulates a run of spotify_transform with nothing to build; test_skipped_build.py runs it as a process.

Airflow's own code decides which tasks are scheduled or skipped; a scheduled task counts as successful. The
script prints as JSON the scheduled tasks in order, the states of all tasks, and the state of the run.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.models import DagRun, TaskInstance
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.integration.orchestration.new_run import new_run

NOTHING_NEW = "is_anything_new"
# tasks that skip themselves in such a run
SKIPS_ITSELF = {"catch_up"}


def main(file: Path) -> dict[str, Any]:
    scheduled: list[str] = []
    kind = DagRunType.ASSET_TRIGGERED, DagRunTriggeredByType.ASSET, DagRunState.RUNNING
    with new_run(file, *kind) as (session, dag, run):
        run.start_date = datetime.now(UTC)
        run.verify_integrity(dag_version_id=run.created_dag_version_id, session=session)
        session.flush()
        direct = dag.get_task(NOTHING_NEW).downstream_task_ids
        for _ in range(100):
            ready, _callback = run.update_state(session=session, execute_callbacks=False)
            session.flush()
            if run.state != DagRunState.RUNNING:
                break
            for task in ready:
                scheduled.append(task.task_id)
                finish(session, task.task_id, direct)
            session.flush()
        states = {task.task_id: str(task.state) for task in instances(session, run)}
        return {"scheduled": scheduled, "states": states, "run": str(run.state)}


def finish(session: Session, task_id: str, direct: set[str]) -> None:
    """End a task; `is_anything_new` also skips the tasks directly downstream."""
    ended = TaskInstanceState.SKIPPED if task_id in SKIPS_ITSELF else TaskInstanceState.SUCCESS
    set_state(session, task_id, ended)
    if task_id == NOTHING_NEW:
        for skipped in direct:
            set_state(session, skipped, TaskInstanceState.SKIPPED)


def set_state(session: Session, task_id: str, state: TaskInstanceState) -> None:
    task: TaskInstance = session.scalars(select(TaskInstance).where(TaskInstance.task_id == task_id)).one()
    task.state, task.start_date, task.end_date = state, datetime.now(UTC), datetime.now(UTC)


def instances(session: Session, run: DagRun) -> list[TaskInstance]:
    return list(session.scalars(select(TaskInstance).where(TaskInstance.run_id == run.run_id)))


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
