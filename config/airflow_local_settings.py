"""Airflow imports this module in each of its processes, early (any way of running: it is on Airflow's path).

In the scheduler it loads what tasks need, once, so that the LocalExecutor's workers are forked from a process
that has it already. A dbt node then takes a fraction of a second instead of four to five.
"""

import sys

if sys.argv[1:2] == ["scheduler"]:
    from spotify_pipeline.orchestration.dbt.warm_workers import warm_up
    from spotify_pipeline.settings import Settings

    warm_up(Settings.dbt_project_at_parse())
