"""Tests how many requests the object store gets in a large installation."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import urllib3

from spotify_pipeline.errors import NothingRetained
from spotify_pipeline.lake import Manifest, keys
from spotify_pipeline.sources import load_sources
from spotify_pipeline.stages.plan import plan
from spotify_pipeline.stages.replay import plan_replay
from tests.integration.pipeline import DAY, HASH, Pipeline, without_spotify

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts the requests to the store by kind."""
    counted: Counter[str] = Counter()
    send = urllib3.PoolManager.urlopen

    def count(manager: urllib3.PoolManager, method: str, url: str, *args: Any, **options: Any) -> Any:
        counted["LIST" if "list-type" in url else method] += 1
        return send(manager, method, url, *args, **options)

    monkeypatch.setattr(urllib3.PoolManager, "urlopen", count)
    return counted


def put_all(pipeline: Pipeline, objects: dict[str, bytes]) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda item: pipeline.lake.put(*item), objects.items()))


def test_a_plan_of_1000_sources_reads_only_existing_manifests(
    pipeline: Pipeline, requests: Counter[str]
) -> None:
    artist = pipeline.sandbox.control.catalog().artists[0][0]
    pipeline.list_sources(
        *({"name": f"artist-{number}", "kind": "artist", "ids": [artist]} for number in range(1000))
    )
    pipeline.lake.check()
    requests.clear()
    assert plan(pipeline.runtime, DAY).fetch
    assert requests == {"LIST": 1}

    finished = [
        Manifest(DAY, source.name, source.kind.value, source.definition_sha256, complete=True, objects=())
        for source in load_sources(pipeline.sources_file)[:20]
    ]
    put_all(pipeline, {manifest.key: manifest.to_bytes() for manifest in finished})
    requests.clear()
    assert plan(pipeline.runtime, DAY).fetch
    assert requests == {"LIST": 1, "GET": 20}


def test_a_replay_of_90_dates_lists_no_raw_objects(pipeline: Pipeline, requests: Counter[str]) -> None:
    dates = [DAY - timedelta(days=number) for number in range(90)]
    objects = {}
    for day in dates:
        objects[keys.manifest_key(day, "first")] = b"{}"
        objects[keys.manifest_key(day, "saved", HASH)] = b"{}"
        # together more keys than one page of a listing has
        for number in range(12):
            objects[f"{keys.source_prefix(keys.RAW, day, 'first')}album-{number:032x}.json"] = b"{}"
    put_all(pipeline, objects)
    runtime = without_spotify(pipeline.runtime)
    requests.clear()
    planned = plan_replay(runtime, dates[-1], dates[0])
    assert [replay.sources for replay in planned] == [("first", "saved")] * 90
    # one listing of the dates; for each date its folders, its user's folders, and checks for manifests
    assert requests["LIST"] == 1 + 90 * 2
    assert requests["HEAD"] <= 1 + 90 * 2
    assert requests["GET"] == 0

    requests.clear()
    year = timedelta(days=365)
    with pytest.raises(NothingRetained, match=f"the oldest raw is of {dates[-1]}, the newest of {dates[0]}"):
        plan_replay(runtime, dates[0] + year, dates[0] + year)
    assert sum(requests.values()) <= 12
