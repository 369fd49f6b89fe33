"""Promise 6: a bucket that Spotify has closed for a day, over the partitions that fall into it."""

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
    """Since the last reset, by what the server has seen."""
    return pipeline.sandbox.control.calls().by_bucket.get(BUCKET, 0)


def run_at(pipeline: Pipeline, day: date, time: str) -> int:
    """Run a partition and its details; give the calls to the closed bucket."""
    pipeline.go_to(day, time)
    pipeline.sandbox.control.reset_calls()
    pipeline.run(day)
    pipeline.run_details(day)
    return calls_of_albums(pipeline)


def test_a_closed_bucket_is_not_called_before_its_deadline(
    pipeline: Pipeline,
) -> None:
    control = pipeline.sandbox.control
    # refused for good: only the pipeline's own patience keeps the calls away
    control.exhaust_quota("^/v1/albums/[^/]+(\\?|$)", after=6, retry_after=WAIT)
    assert run_at(pipeline, DAY, "20:00:00") >= 7
    [(deadline,)] = pipeline.query("SELECT deadline FROM ops.api_cooldown")
    assert pipeline.query(f"SELECT '{deadline}' >= '{NEXT_DAY} 20:00:00+00'::timestamptz") == [(True,)]
    listed = pipeline.query("SELECT count(*) FROM staging.albums")

    for day, time in ((DAY, "23:59:00"), (NEXT_DAY, "00:10:00"), (NEXT_DAY, "19:59:00")):
        assert run_at(pipeline, day, time) == 0, (day, time)
    # the other buckets are open: the day has its listings, and says what is missing
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


def test_tasks_side_by_side_leave_a_closed_bucket_alone(pipeline: Pipeline) -> None:
    """Each with a client of its own: what they share is the table."""
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
