"""The result of a demo: build/demo/summary.json, and the tables printed at the end."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from spotify_pipeline import connections
from spotify_pipeline.lake.keys import QUARANTINE, RAW, VALIDATED
from spotify_pipeline.lake.store import Lake
from spotify_pipeline.warehouse.checksum import table_checksums
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.reconciliation import totals
from spotify_stack import airflow_environment
from spotify_stack.airflow_api import AirflowApi
from spotify_stack.dbt_manifest import MANIFEST
from spotify_stack.state import StackState

COUNTS = ("fetched", "loaded", "quarantined", "duplicates", "set_aside")
# class of the Airflow task that runs one data test
TEST_OPERATOR = "RunDataTest"
TRANSFORM = "spotify_transform"


@dataclass
class PartitionRun:
    """Result of one partition: run ids, states and seconds by DAG, and number of calls of the Web API."""

    day: date
    sources: list[str] = field(default_factory=list)
    api_calls: int = 0
    run_ids: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def collect(state: StackState, api: AirflowApi, runs: list[PartitionRun], report: Path) -> dict[str, Any]:
    """Return the content of summary.json.

    Raises:
        PipelineError: Airflow, the warehouse or the object store cannot be read.
    """
    info = _connection(state, connections.WAREHOUSE_DBT)
    with connect(info) as warehouse:
        counts = {run.day: totals(warehouse, run.day, run.sources) for run in runs}
        checksums = table_checksums(warehouse)
    tasks = api.tasks(TRANSFORM, runs[-1].run_ids[TRANSFORM])
    return {
        "partitions": [
            {
                "date": run.day.isoformat(),
                "sources": len(run.sources),
                **counts[run.day],
                "api_calls": run.api_calls,
                "dag_runs": run.states,
                "seconds": run.seconds,
            }
            for run in runs
        ],
        "dbt": {
            **dbt_nodes(MANIFEST),
            "airflow_tasks": len(tasks),
            "test_tasks": sum(task["operator_name"] == TEST_OPERATOR for task in tasks),
        },
        "warehouse": checksums,
        "objects": {zone: len(lake(state).keys(f"{zone}/")) for zone in (RAW, VALIDATED, QUARANTINE)},
        "report": str(report),
        "airflow": state.airflow_url,
    }


def dbt_nodes(manifest: Path) -> dict[str, int]:
    """Return the numbers of models, data tests and seeds in dbt's manifest, which has no disabled nodes."""
    nodes = json.loads(manifest.read_text())["nodes"].values()
    kinds = Counter(node["resource_type"] for node in nodes)
    return {"models": kinds["model"], "tests": kinds["test"], "seeds": kinds["seed"]}


def lake(state: StackState) -> Lake:
    """Return a client of the stack's object store."""
    return Lake(_connection(state, connections.SPOTIFY_LAKE))


def show(content: dict[str, Any], console: Console) -> None:
    """Print the summary as tables."""
    # narrow enough for a terminal of 80 columns
    partitions = Table(title="What ran", padding=(0, 1, 0, 0), box=None)
    for heading in ("partition", "sources", *(name.replace("_", " ") for name in COUNTS), "calls", "s"):
        partitions.add_column(heading, no_wrap=True, justify="left" if heading == "partition" else "right")
    for entry in content["partitions"]:
        numbers = [entry["sources"], *(entry[name] for name in COUNTS), entry["api_calls"]]
        partitions.add_row(entry["date"], *map(str, numbers), f"{sum(entry['seconds'].values()):.0f}")
    tables = Table(title="What landed", padding=(0, 1, 0, 0), box=None)
    for heading in ("table", "rows", "sha256"):
        tables.add_column(heading, no_wrap=True, justify="right" if heading == "rows" else "left")
    for name, table in content["warehouse"].items():
        tables.add_row(name, f"{table['rows']:,}", f"{table['sha256'][:12]}…")
    dbt, objects = content["dbt"], content["objects"]
    console.print(partitions, tables)
    console.print(
        f"  dbt: {dbt['models']} models, {dbt['tests']} data tests, {dbt['seeds']} seed"
        f"{'' if dbt['seeds'] == 1 else 's'}"
        f" as {dbt['airflow_tasks']} Airflow tasks, {dbt['test_tasks']} of them tests\n"
        "  objects: " + ", ".join(f"{count} {zone}" for zone, count in objects.items()),
        soft_wrap=True,
    )


def _connection(state: StackState, conn_id: str) -> connections.ConnectionInfo:
    return connections.from_environment(conn_id, airflow_environment.connection_variables(state))
