"""Airflow DAGs of the dbt project, made by Cosmos as it comes: for `make bench-transform`.

Only the project, its parsed manifest and the profile are named; unit tests are left out, as in
`spotify_transform`.
"""

from __future__ import annotations

from pathlib import Path

from cosmos import DbtDag, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode

DBT_PROJECT = Path(__file__).resolve().parents[3] / "dbt"


def dbt_dag(mode: ExecutionMode) -> DbtDag:
    """Return the DAG `cosmos_local` or `cosmos_watcher`."""
    return DbtDag(
        dag_id=f"cosmos_{mode.value}",
        project_config=ProjectConfig(DBT_PROJECT, manifest_path=DBT_PROJECT / "target" / "manifest.json"),
        profile_config=ProfileConfig(
            profile_name="spotify", target_name="build", profiles_yml_filepath=DBT_PROJECT / "profiles.yml"
        ),
        execution_config=ExecutionConfig(execution_mode=mode),
        render_config=RenderConfig(exclude=["resource_type:unit_test"]),
    )


local = dbt_dag(ExecutionMode.LOCAL)
watcher = dbt_dag(ExecutionMode.WATCHER)
