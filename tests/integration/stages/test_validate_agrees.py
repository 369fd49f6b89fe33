"""Tests that `spotify-pipeline validate` gives the same counts for a response as the pipeline."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spotify_pipeline.cli.validate import survey_file
from tests.integration.pipeline import Pipeline
from tests.integration.stages.recorded import REQUESTS, spoiled, validate_recorded

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_command_and_pipeline_agree_on_recorded_responses(
    pipeline: Pipeline, reference_data: Path, tmp_path: Path
) -> None:
    files = {path.name: path for path in (reference_data / "recorded").rglob("*.json")}
    compared = 0
    for kind, names in REQUESTS.items():
        for name in names:
            body = files[name].read_bytes()
            variants = {name: body, f"spoiled {name}": spoiled(body)}
            if kind == "playlist_items":
                variants[f"2026 {name}"] = re.sub(rb'"track"\s*:', b'"item":', body)
            for variant, data in variants.items():
                compared += 1
                file = tmp_path / "response.json"
                file.write_bytes(data)
                survey = survey_file(file)
                summary = validate_recorded(pipeline, compared, kind, data)
                command_counts = {
                    k: (t.fetched, t.accepted, t.quarantined, t.set_aside)
                    for k, t in (survey.kinds | survey.entries).items()
                    if t.fetched
                }
                pipeline_counts = {
                    k: (c.fetched, c.accepted, c.quarantined, c.set_aside)
                    for k, c in summary.counts.items()
                    if c.fetched
                }
                assert command_counts == pipeline_counts, variant
                assert dict(survey.codes) == summary.reasons, variant
    assert compared > 80
