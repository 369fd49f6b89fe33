"""Airflow imports this module in each of its processes, early (any way of running: it is on Airflow's path).

In the scheduler it loads what tasks need, once, so that the LocalExecutor's workers are forked from a process
that has it already. A dbt node then takes a fraction of a second instead of four to five.
"""

import sys
from pathlib import Path

if sys.argv[1:2] == ["scheduler"]:
    from spotify_pipeline.orchestration.dbt.warm_workers import warm_up

    warm_up(Path(__file__).resolve().parents[1] / "dbt")
