"""Lineage of a real run, read from the events that it wrote: from a mart to the raw zone, column by column.

A stack of its own, since the shared one has lineage off, as it is by default.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from spotify_pipeline.sources import load_sources
from spotify_sandbox.control import SandboxControl
from spotify_stack.airflow_api import AirflowApi
from spotify_stack.airflow_environment import LINEAGE_VARIABLE, WAREHOUSE_DATABASE
from spotify_stack.object_store import BUCKET
from spotify_stack.paths import StackPaths
from spotify_stack.stack import Stack, Wanted
from spotify_stack.state import SandboxOptions

from .conftest import FIRST_DAY, INGEST, TRANSFORM, Running

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]
Dataset = tuple[str, str]


class Told(NamedTuple):
    """What a run told: its events, and names to look for."""

    events: list[dict[str, Any]]
    warehouse: str
    sources: set[str]

    def table(self, name: str) -> Dataset:
        return self.warehouse, f"{WAREHOUSE_DATABASE}.{name}"

    def upstream(self, dataset: Dataset) -> set[Dataset]:
        """All that a dataset is made of, by the events alone."""
        found: set[Dataset] = set()
        waiting = [dataset]
        while waiting:
            wanted = waiting.pop()
            for event in self.events:
                if wanted in names(event["outputs"]):
                    new = names(event["inputs"]) - found
                    found |= new
                    waiting += new
        return found

    def columns(self, dataset: Dataset, column: str) -> set[tuple[Dataset, str]]:
        """Columns that a column is directly made of."""
        found = set()
        for event in self.events:
            for output in event["outputs"]:
                fields = output["facets"].get("columnLineage", {}).get("fields", {})
                if (output["namespace"], output["name"]) == dataset and column in fields:
                    made_of = fields[column]["inputFields"]
                    found |= {((origin["namespace"], origin["name"]), origin["field"]) for origin in made_of}
        return found


def names(datasets: list[dict[str, Any]]) -> set[Dataset]:
    return {(dataset["namespace"], dataset["name"]) for dataset in datasets}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, catalogue: Path) -> Iterator[Told]:
    """One partition through ingest and transform, with lineage on."""
    paths = StackPaths(tmp_path_factory.mktemp("lineage") / "stack")
    stack = Stack(paths, report=lambda line: print(line, file=sys.stderr))
    options = SandboxOptions("development", str(catalogue), f"{FIRST_DAY.isoformat()}T06:00:00Z")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LINEAGE_VARIABLE, "1")
        try:
            state = stack.up(Wanted(options, own_app=""))
            with AirflowApi(state.airflow_url) as api, SandboxControl(state.sandbox_url) as control:
                since = datetime.now(UTC)
                running = Running(stack, state, api, control, since)
                running.set_day(FIRST_DAY)
                ingest = running.ended(INGEST, api.trigger(INGEST, FIRST_DAY.isoformat()))
                transform = running.next_run(TRANSFORM, FIRST_DAY, since)
                assert (ingest["state"], transform["state"]) == ("success", "success")
            events = [json.loads(path.read_text()) for path in sorted(paths.lineage.iterdir())]
            complete = [event for event in events if event["eventType"] == "COMPLETE"]
            sources = {source.name for source in load_sources(state.paths.sources)}
            yield Told(complete, f"postgres://127.0.0.1:{state.ports['warehouse']}", sources)
        finally:
            stack.down()


def test_from_a_mart_to_the_raw_zone(told: Told) -> None:
    upstream = told.upstream(told.table("marts.dim_track"))

    assert {told.table("dbt_staging.stg_tracks"), told.table("staging.tracks")} <= upstream
    raw = {(f"s3://{BUCKET}", f"raw/source={source}") for source in told.sources}
    assert raw
    assert raw <= upstream


def test_a_mart_column_leads_to_the_column_of_ingest(told: Told) -> None:
    mart, view, table = (
        told.table(name) for name in ("marts.dim_track", "dbt_staging.stg_tracks", "staging.tracks")
    )
    assert told.columns(mart, "track_name") == {(view, "track_name")}
    assert told.columns(view, "track_name") == {(table, "name")}


def test_every_model_that_reads_another_says_so(told: Told) -> None:
    marts = {name for event in told.events for _, name in names(event["outputs"]) if ".marts." in name}
    assert len(marts) > 15
    for name in marts - {f"{WAREHOUSE_DATABASE}.marts.dim_date"}:
        assert told.upstream((told.warehouse, name)), f"{name} comes from nowhere"


def test_a_model_is_made_by_one_task_alone(told: Told) -> None:
    """Not by publish, which updates the assets of all."""
    makers = [
        event["job"]["name"]
        for event in told.events
        if told.table("marts.dim_track") in names(event["outputs"])
    ]
    assert makers == [f"{TRANSFORM}.marts.dim_track.run"]


def test_the_part_of_the_raw_zone_is_named_by_its_partition(told: Told) -> None:
    written = [
        output
        for event in told.events
        if event["job"]["name"].startswith(f"{INGEST}.")
        for output in event["outputs"]
        if output["name"].startswith("raw/")
    ]
    parts = [output["outputFacets"]["subset"]["outputCondition"]["partitions"] for output in written]
    assert [part[0]["dimensions"] for part in parts] == [{"ingest_date": FIRST_DAY.isoformat()}] * len(
        written
    )
    assert len(written) >= len(told.sources)


def test_no_secret_is_told(told: Told) -> None:
    text = json.dumps(told.events)
    assert "password" not in text.lower()
