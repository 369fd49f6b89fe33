"""Clearing a run that has a deadline, in Airflow's own code over a metadata database of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spotify_pipeline.settings import PROJECT_ROOT, Settings

pytestmark = [pytest.mark.integration, pytest.mark.slow]
HERE = Path(__file__).parent


def test_clearing_a_partitioned_run_moves_its_deadline(tmp_path: Path) -> None:
    """With a timedelta as interval Airflow 3.3.2 raises here, and its API fails every clear with 500."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")} | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path / 'airflow.db'}",
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(tmp_path / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    for command in (
        ["-m", "airflow", "db", "migrate"],
        [str(HERE / "clear_a_run.py"), str(PROJECT_ROOT / "dags" / "spotify_report.py")],
    ):
        done = subprocess.run(  # noqa: S603 - our own command line
            [sys.executable, *command],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["seconds"] == Settings.at_parse("deadline_report")
    assert found["state"] == "queued"
    assert found["moved"] > 0
