"""Promise 6: tests of a bucket that Spotify has closed for a day."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest

from spotify_pipeline.spotify.endpoints import ENDPOINTS, RequestKind
from tests.integration.pipeline import DAY, Pipeline

pytestmark = pytest.mark.integration
BUCKET = "/v1/albums/{id}"
NEXT_DAY = DAY + timedelta(days=1)
WAIT = 86_400


def calls_of_albums(pipeline: Pipeline) -> int:
    """Return the calls to the closed bucket since the last reset, counted by the server."""
    return pipeline.sandbox.control.calls().by_bucket.get(BUCKET, 0)


def run_at(pipeline: Pipeline, day: date, time: str) -> int:
    """Run a partition and its details, and return the number of calls to the closed bucket."""
    pipeline.go_to(day, time)
    pipeline.sandbox.control.reset_calls()
    pipeline.run(day)
    pipeline.run_details(day)
    return calls_of_albums(pipeline)


def test_a_closed_bucket_is_not_called_before_its_deadline(
    pipeline: Pipeline,
) -> None:
    control = pipeline.sandbox.control
    # the server refuses every call until the fault is cleared, so the pipeline must not call
    control.exhaust_quota("^/v1/albums/[^/]+(\\?|$)", after=6, retry_after=WAIT)
    assert run_at(pipeline, DAY, "20:00:00") >= 7
    [(deadline,)] = pipeline.query("SELECT deadline FROM ops.api_cooldown")
    assert pipeline.query(f"SELECT '{deadline}' >= '{NEXT_DAY} 20:00:00+00'::timestamptz") == [(True,)]
    listed = pipeline.query("SELECT count(*) FROM staging.albums")

    for day, time in ((DAY, "23:59:00"), (NEXT_DAY, "00:10:00"), (NEXT_DAY, "19:59:00")):
        assert run_at(pipeline, day, time) == 0, (day, time)
    # the other buckets are open: the day has its listings and is partial
    seen = f"SELECT count(*) FROM staging.albums WHERE last_seen_on = '{NEXT_DAY}'"
    assert pipeline.query(seen) >= listed
    states = (
        "SELECT DISTINCT status FROM ops.reconciliation"
        f" WHERE partition = '{NEXT_DAY}' AND source <> '_details'"
    )
    assert pipeline.query(states) == [("partial",)]

    control.clear_faults()
    assert run_at(pipeline, NEXT_DAY, "20:01:30") > 0
    assert pipeline.query(states) == [("complete",)]


def test_concurrent_tasks_do_not_call_a_closed_bucket(pipeline: Pipeline) -> None:
    """Each task has its own client; they share only the table of cool-downs."""
    pipeline.sandbox.control.exhaust_quota("^/v1/albums/", retry_after=WAIT)
    settings = pipeline.runtime.settings.model_copy(update={"fetch_concurrency": 1})
    one_by_one = replace(pipeline, runtime=replace(pipeline.runtime, settings=settings))

    def fetch(number: int) -> bool:
        return one_by_one.fetch(("first", "second")[number % 2]).complete

    assert fetch(0) is False
    assert calls_of_albums(pipeline) == 1
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(fetch, range(4))) == [False] * 4
    assert calls_of_albums(pipeline) == 1
    assert pipeline.query("SELECT bucket FROM ops.api_cooldown") == [(ENDPOINTS[RequestKind.ALBUM].bucket,)]
