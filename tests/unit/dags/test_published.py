"""Tests the DAG that emits an event for DAGs without partitions."""

from __future__ import annotations

from airflow.dag_processing.dagbag import DagBag

from spotify_pipeline.orchestration.assets import MARTS_PUBLISHED
from spotify_pipeline.settings import PROJECT_ROOT


def test_it_emits_the_asset_and_is_not_paused() -> None:
    bag = DagBag(str(PROJECT_ROOT / "dags" / "spotify_published.py"))
    assert bag.import_errors == {}
    dag = bag.dags["spotify_published"]
    assert not dag.is_paused_upon_creation
    assert dag.get_task("emit").outlets == [MARTS_PUBLISHED]
