"""Creates a run of a DAG file in Airflow's tables, for the scripts of `airflow_process`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.models.dagbag import DBDagBag
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType

BUNDLE = "dags-folder"


@contextmanager
def new_run(
    file: Path, run_type: DagRunType, triggered_by: DagRunTriggeredByType, state: DagRunState
) -> Iterator[tuple[Any, Any, Any]]:
    """Store the DAG of a file and a run of it for one partition; yield session, DAG and run."""
    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(str(file), bundle_name=BUNDLE, bundle_path=file.parent)
    with create_session() as session:
        sync_bag_to_db(bag, BUNDLE, None, session=session)
    with create_session() as session:
        dag = DBDagBag().get_latest_version_of_dag(file.stem, session=session)
        assert dag is not None
        run = dag.create_dagrun(
            run_id="run_of_test",
            logical_date=None,
            data_interval=None,
            run_after=datetime.now(UTC),
            run_type=run_type,
            triggered_by=triggered_by,
            state=state,
            partition_key="2026-11-05",
            session=session,
        )
        run.dag = dag
        yield session, dag, run
