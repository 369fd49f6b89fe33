"""Run by test_deadline_moves.py in a process of its own: a run, failed and cleared in Airflow's own code.

Prints as JSON the deadline's seconds after queueing, the run's state after the clear, and how far the clear
moved the deadline.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.models import TaskInstance
from airflow.models.dagbag import DBDagBag
from airflow.models.deadline import Deadline
from airflow.models.taskinstance import clear_task_instances
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select

BUNDLE, RUN = "dags-folder", "manual__of_test"


def main(file: Path) -> dict[str, object]:
    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(str(file), bundle_name=BUNDLE, bundle_path=file.parent)
    with create_session() as session:
        sync_bag_to_db(bag, BUNDLE, None, session=session)
    with create_session() as session:
        dag = DBDagBag().get_latest_version_of_dag(file.stem, session=session)
        assert dag is not None
        run = dag.create_dagrun(
            run_id=RUN,
            logical_date=None,
            data_interval=None,
            run_after=datetime.now(UTC),
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.QUEUED,
            partition_key="2026-11-05",
            session=session,
        )
        session.flush()
        before = session.scalars(select(Deadline)).one().deadline_time
        seconds = (before - run.queued_at).total_seconds()
        run.state, run.end_date, run.dag = DagRunState.FAILED, datetime.now(UTC), dag
        run.verify_integrity(dag_version_id=run.created_dag_version_id, session=session)
        tasks = session.scalars(select(TaskInstance).where(TaskInstance.run_id == RUN)).all()
        for task in tasks:
            task.state = TaskInstanceState.FAILED
        session.flush()
        clear_task_instances(list(tasks), session)
        session.flush()
        after = session.scalars(select(Deadline)).one().deadline_time
        return {"seconds": seconds, "state": str(run.state), "moved": (after - before).total_seconds()}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
