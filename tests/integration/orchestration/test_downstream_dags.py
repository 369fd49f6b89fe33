"""Tests that Airflow's scheduler starts the example DAGs of other teams after a publication."""

from __future__ import annotations

from pathlib import Path

import pytest

from spotify_pipeline.settings import PROJECT_ROOT
from tests.integration.orchestration.airflow_process import run_script

pytestmark = [pytest.mark.integration, pytest.mark.slow]
EXAMPLES = PROJECT_ROOT / "docs" / "examples"


def test_each_example_runs_by_its_own_asset(tmp_path: Path) -> None:
    found = run_script("start_downstream", EXAMPLES, home=tmp_path, dags=EXAMPLES)
    assert sorted(found["spotify_marts"]) == [
        ["after_each_date", "2026-11-05"],
        ["after_each_date", "2026-11-06"],
    ]
    assert found["spotify_marts_published"] == [["after_publication", None]]
