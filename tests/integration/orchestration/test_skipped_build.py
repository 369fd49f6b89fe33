"""Tests that spotify_transform publishes without running models and tests where nothing is new."""

from __future__ import annotations

from pathlib import Path

import pytest

from spotify_pipeline.settings import PROJECT_ROOT
from tests.integration.orchestration.airflow_process import run_script

pytestmark = [pytest.mark.integration, pytest.mark.slow]
DAGS = PROJECT_ROOT / "dags"


def test_a_run_with_nothing_new_goes_straight_to_publish(tmp_path: Path) -> None:
    found = run_script("skip_a_build", DAGS / "spotify_transform.py", home=tmp_path, dags=DAGS)
    assert found["scheduled"][:3] == ["watermark", "freshness.ops_load", "is_anything_new"]
    assert sorted(found["scheduled"][3:]) == ["announce", "catch_up", "publish"]
    skipped = {name for name, state in found["states"].items() if state == "skipped"}
    assert {"marts.dim_track.run", "catch_up", "write_docs", "build_again"} <= skipped
    assert len(skipped) == len(found["states"]) - len(found["scheduled"]) + 1
    assert found["run"] == "success"
