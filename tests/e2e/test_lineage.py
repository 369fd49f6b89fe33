"""Tests the lineage events of a real run, from a mart to the raw zone.

It has a stack of its own, because the shared one keeps lineage off, the default.
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


class Lineage(NamedTuple):
    """The lineage events of a run, and the names of its warehouse and sources."""

    events: list[dict[str, Any]]
    warehouse: str
    sources: set[str]

    def table(self, name: str) -> Dataset:
        return self.warehouse, f"{WAREHOUSE_DATABASE}.{name}"

    def upstream(self, dataset: Dataset) -> set[Dataset]:
        """Return all datasets that a dataset depends on according to the events."""
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
        """Return the columns that a column is directly made of."""
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
def lineage(tmp_path_factory: pytest.TempPathFactory, catalogue: Path) -> Iterator[Lineage]:
    """Run one partition through ingest and transform with lineage on."""
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
            yield Lineage(complete, f"postgres://127.0.0.1:{state.ports['warehouse']}", sources)
        finally:
            stack.down()


def test_from_a_mart_to_the_raw_zone(lineage: Lineage) -> None:
    upstream = lineage.upstream(lineage.table("marts.dim_track"))

    assert {lineage.table("dbt_staging.stg_tracks"), lineage.table("staging.tracks")} <= upstream
    raw = {(f"s3://{BUCKET}", f"raw/source={source}") for source in lineage.sources}
    assert raw
    assert raw <= upstream


def test_a_mart_column_leads_to_the_column_of_ingest(lineage: Lineage) -> None:
    mart, view, table = (
        lineage.table(name) for name in ("marts.dim_track", "dbt_staging.stg_tracks", "staging.tracks")
    )
    assert lineage.columns(mart, "track_name") == {(view, "track_name")}
    assert lineage.columns(view, "track_name") == {(table, "name")}


def test_every_mart_except_dim_date_has_inputs(lineage: Lineage) -> None:
    marts = {name for event in lineage.events for _, name in names(event["outputs"]) if ".marts." in name}
    assert len(marts) > 15
    for name in marts - {f"{WAREHOUSE_DATABASE}.marts.dim_date"}:
        assert lineage.upstream((lineage.warehouse, name)), f"{name} has no input"


def test_a_model_is_an_output_of_its_own_task_only(lineage: Lineage) -> None:
    """It is not an output of publish, which updates the assets of all models."""
    makers = [
        event["job"]["name"]
        for event in lineage.events
        if lineage.table("marts.dim_track") in names(event["outputs"])
    ]
    assert makers == [f"{TRANSFORM}.marts.dim_track.run"]


def test_a_raw_output_names_its_partition(lineage: Lineage) -> None:
    written = [
        output
        for event in lineage.events
        if event["job"]["name"].startswith(f"{INGEST}.")
        for output in event["outputs"]
        if output["name"].startswith("raw/")
    ]
    parts = [output["outputFacets"]["subset"]["outputCondition"]["partitions"] for output in written]
    assert [part[0]["dimensions"] for part in parts] == [{"ingest_date": FIRST_DAY.isoformat()}] * len(
        written
    )
    assert len(written) >= len(lineage.sources)


def test_no_event_contains_a_password(lineage: Lineage) -> None:
    text = json.dumps(lineage.events)
    assert "password" not in text.lower()
