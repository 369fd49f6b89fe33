"""Lets Airflow's scheduler start DAGs by assets; test_downstream_dags.py runs it in its own process.

The first argument is a folder of DAGs. Two publications are announced in the way of spotify_transform and
spotify_published. The script prints as JSON, for each asset, the created runs: DAG and partition key.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from airflow.assets.manager import asset_manager
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models import DagRun
from airflow.models.asset import AssetModel
from airflow.utils.session import create_session
from airflow.utils.sqlalchemy import prohibit_commit
from sqlalchemy import delete, select

from spotify_pipeline.orchestration.assets import MARTS, MARTS_PUBLISHED

BUNDLE = "dags-folder"
DATES = ("2026-11-05", "2026-11-06")


def main(folder: Path) -> dict[str, list[tuple[str, str | None]]]:
    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(str(folder), bundle_name=BUNDLE, bundle_path=folder)
    assert bag.import_errors == {}, bag.import_errors
    with create_session() as session:
        sync_bag_to_db(bag, BUNDLE, None, session=session)
    runner = SchedulerJobRunner(Job())
    found: dict[str, list[tuple[str, str | None]]] = {}
    for asset, keyed in ((MARTS, True), (MARTS_PUBLISHED, False)):
        with create_session() as session:
            model = session.scalars(select(AssetModel).where(AssetModel.name == asset.name)).one()
            for date in DATES:
                asset_manager.register_asset_change(
                    asset=model,
                    extra={"partition": date},
                    partition_key=date if keyed else None,
                    session=session,
                )
        with create_session() as session, prohibit_commit(session) as guard:
            runner._create_dagruns_for_dags(guard, session)
            guard.commit()
        with create_session() as session:
            runs = session.execute(select(DagRun.dag_id, DagRun.partition_key).order_by(DagRun.id)).all()
            found[asset.name] = [(dag_id, key) for dag_id, key in runs]
            session.execute(delete(DagRun))
    return found


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
