"""Tests what a run says about ids that Spotify does not know or refuses."""

from __future__ import annotations

import pytest

from tests.integration.pipeline import DAY, Pipeline

pytestmark = pytest.mark.integration
UNKNOWN = "0" * 22


@pytest.mark.parametrize(
    ("status", "reason"),
    [(404, "Spotify has nothing at /artists/"), (403, "does not let this app read"), (409, "with 409 (No)")],
)
def test_an_id_that_is_not_returned_is_named_with_its_reason(
    pipeline: Pipeline, status: int, reason: str
) -> None:
    known = pipeline.sandbox.control.catalog().artists[0][0]
    pipeline.list_sources({"name": "artists", "kind": "artist", "ids": [UNKNOWN, known]})
    body = {"error": {"status": status, "message": "No"}}
    pipeline.sandbox.control.add_fault("status", status=status, path=UNKNOWN, body=body, times=None)
    pipeline.fetch("artists")
    pipeline.validate("artists")
    state = pipeline.load("artists")
    assert state.failed
    assert f"does not return artist {UNKNOWN}" in str(state.message)
    assert reason in str(state.message)
    assert pipeline.query("SELECT DISTINCT observed_on FROM staging.artist_observations") == [(DAY,)]
