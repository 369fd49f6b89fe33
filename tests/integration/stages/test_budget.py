"""Tests of the budget of calls of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spotify_pipeline.buckets import TOTAL
from spotify_pipeline.settings import Settings
from spotify_pipeline.stages.runtime import Attempt, Runtime
from tests.integration.pipeline import Pipeline

pytestmark = pytest.mark.integration
BUCKET = "GET /albums/{id}"


def test_the_next_run_continues_after_a_spent_budget(pipeline: Pipeline) -> None:
    def fetch(run_id: str) -> tuple[bool, int, str | None]:
        settings = Settings(sources=pipeline.sources_file, call_budget={"total": 40, BUCKET: 10})
        runtime = Runtime(settings=settings, lookup=pipeline.runtime.lookup, attempt=Attempt(run_id))
        outcome = replace(pipeline, runtime=runtime).fetch("first")
        return outcome.complete, outcome.calls, outcome.message

    complete, calls, message = fetch("one")
    assert not complete
    assert message == (
        "this run's budget of 10 calls to GET /albums/{id} is spent: the next partition goes on, or raise "
        "SPOTIFY_PIPELINE_CALL_BUDGET"
    )
    assert pipeline.query("SELECT bucket, calls FROM ops.api_calls ORDER BY bucket") == [
        (BUCKET, 10),
        (TOTAL, calls),
    ]
    # the budget is that of the run, so another attempt of the same run makes no call
    assert fetch("one") == (False, 0, message)
    pipeline.sandbox.control.reset_calls()
    runs = 1
    while not fetch(f"run {runs}")[0]:
        runs += 1
        assert runs < 20
    # a run does not request albums that an earlier run has stored
    albums = [key for key in pipeline.objects("raw") if "/album-" in key]
    assert pipeline.sandbox.control.calls().by_bucket["/v1/albums/{id}"] == len(albums) - 10
    assert runs == -(-(len(albums) - 10) // 10)
