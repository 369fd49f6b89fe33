"""Airflow imports this module at the start of each of its processes, as it is on Airflow's path.

In a process that forks tasks (the scheduler with the LocalExecutor, and a Celery worker) it loads the modules
and the dbt project that tasks need. A dbt node then takes a fraction of a second instead of four to five.
The DAG processor forks for each DAG file, so it loads what DAG files import.
"""

import sys

from airflow.configuration import conf


def forks_tasks() -> bool:
    """Return whether this process is one from which tasks are forked."""
    if sys.argv[1:2] == ["scheduler"]:
        return "LocalExecutor" in conf.get("core", "executor")
    return sys.argv[1:3] == ["celery", "worker"]


if forks_tasks():
    from spotify_pipeline.orchestration.dbt.warm_workers import warm_up
    from spotify_pipeline.settings import Settings

    warm_up(Settings.dbt_project_at_parse())
elif sys.argv[1:2] == ["dag-processor"]:
    from spotify_pipeline.orchestration.dbt.warm_workers import warm_up_parsing
    from spotify_pipeline.settings import Settings

    warm_up_parsing(Settings.dbt_project_at_parse())
