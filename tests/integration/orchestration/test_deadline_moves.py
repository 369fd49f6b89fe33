"""Tests that Airflow can clear a run that has a deadline, and moves the deadline."""

from __future__ import annotations

from pathlib import Path

import pytest

from spotify_pipeline.settings import PROJECT_ROOT, Settings
from tests.integration.orchestration.airflow_process import run_script

pytestmark = [pytest.mark.integration, pytest.mark.slow]
DAGS = PROJECT_ROOT / "dags"


def test_clearing_a_partitioned_run_moves_its_deadline(tmp_path: Path) -> None:
    """With a timedelta as interval, Airflow 3.3.2 raises here, and its API returns 500 on each clear."""
    found = run_script("clear_a_run", DAGS / "spotify_report.py", home=tmp_path, dags=DAGS)
    assert found["seconds"] == Settings.at_parse("deadline_report")
    assert found["state"] == "queued"
    assert found["moved"] > 0
