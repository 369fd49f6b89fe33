"""Clears a failed run with Airflow's own code; test_deadline_moves.py runs it in its own process.

The script prints as JSON the seconds from queueing to the deadline, the run's state after the clear, and by
how many seconds the clear moved the deadline.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from airflow.models import TaskInstance
from airflow.models.deadline import Deadline
from airflow.models.taskinstance import clear_task_instances
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select

from tests.integration.orchestration.new_run import new_run


def main(file: Path) -> dict[str, object]:
    kind = DagRunType.MANUAL, DagRunTriggeredByType.TEST, DagRunState.QUEUED
    with new_run(file, *kind) as (session, _dag, run):
        session.flush()
        before = session.scalars(select(Deadline)).one().deadline_time
        seconds = (before - run.queued_at).total_seconds()
        run.state, run.end_date = DagRunState.FAILED, datetime.now(UTC)
        run.verify_integrity(dag_version_id=run.created_dag_version_id, session=session)
        tasks = session.scalars(select(TaskInstance)).all()
        for task in tasks:
            task.state = TaskInstanceState.FAILED
        session.flush()
        clear_task_instances(list(tasks), session)
        session.flush()
        after = session.scalars(select(Deadline)).one().deadline_time
        return {"seconds": seconds, "state": str(run.state), "moved": (after - before).total_seconds()}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
