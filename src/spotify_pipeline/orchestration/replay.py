"""The tasks of spotify_replay: a range of dates → one mapped unit each → staging and the asset's keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow.sdk import get_current_context

from spotify_pipeline.connections import WAREHOUSE_OWNER
from spotify_pipeline.lake import keys
from spotify_pipeline.orchestration import lineage
from spotify_pipeline.orchestration.runtime import running, tries_are_left
from spotify_pipeline.steps.group import SourceState
from spotify_pipeline.steps.reconcile import Verdict
from spotify_pipeline.steps.replay import Replay, plan_replay, reconcile_replay, replay_partition
from spotify_pipeline.warehouse.migrate import migrate

MAX_UNITS = 1000
"""Airflow maps a task 1,024 times at most ([core] max_map_length)."""
Unit = dict[str, Any]
"""XCom of a mapped unit: `label`, and `partitions` with their sources and, once replayed, their states."""


def plan() -> list[Unit]:
    """What is kept of the range that the run was asked for, one unit a date.

    A range of more dates than Airflow can map has units of several dates.
    """
    params = get_current_context()["params"]
    with running() as runtime:
        first, last = (keys.parse_partition(str(params[name])) for name in ("from", "to"))
        migrate(runtime.lookup(WAREHOUSE_OWNER))
        return units_of(plan_replay(runtime, first, last, params["sources"] or ()))


def units_of(planned: list[Replay], most: int = MAX_UNITS) -> list[Unit]:
    """At most `most` units of consecutive dates, as equal as can be."""
    size = -(-len(planned) // most)
    chunks = [planned[start : start + size] for start in range(0, len(planned), size)]
    return [
        {
            "label": _label(chunk),
            "partitions": [
                {"partition": replay.partition.isoformat(), "sources": list(replay.sources)}
                for replay in chunk
            ],
        }
        for chunk in chunks
    ]


def _label(chunk: list[Replay]) -> str:
    first, last = chunk[0].partition, chunk[-1].partition
    sources = sum(len(replay.sources) for replay in chunk)
    dates = str(first) if first == last else f"{first} to {last}"
    return f"{dates}, {sources} source{'s' if sources != 1 else ''}"


def replay(unit: Unit) -> Unit:
    """Raw → staging for each date of a unit, source by source."""
    get_current_context()["label"] = unit["label"]
    with running() as runtime:
        done = []
        for fields in unit["partitions"]:
            planned = Replay(keys.parse_partition(fields["partition"]), tuple(fields["sources"]))
            states = replay_partition(runtime, planned, tries_left=tries_are_left())
            lineage.replayed(runtime.lookup, planned.partition, states)
            done.append({**fields, "states": [state.to_dict() for state in states]})
        return {**unit, "partitions": done}


def reconcile(unit: Unit, asset: Any) -> Unit:
    """Check the counts of each date of a unit and emit the asset with their keys."""
    context = get_current_context()
    context["label"] = unit["label"]
    with running() as runtime:
        verdicts = {}
        for fields in unit["partitions"]:
            states = [SourceState.from_dict(state) for state in fields["states"]]
            partition = keys.parse_partition(fields["partition"])
            verdicts[fields["partition"]] = reconcile_replay(runtime, partition, states)
    event = context["outlet_events"][asset]
    event.add_partitions(sorted(verdicts))
    event.extra = summary_of(verdicts)
    return {"label": unit["label"], "verdicts": {day: vars(verdict) for day, verdict in verdicts.items()}}


def summary_of(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """What the event says: of one date just what the ingest says; of several, each name with its date."""

    def names(day: str, sources: Iterable[str]) -> dict[str, str]:
        return {source: source if len(verdicts) == 1 else f"{day} {source}" for source in sources}

    summary: dict[str, Any] = {"complete": [], "partial": {}, "failed": {}}
    for day, verdict in sorted(verdicts.items()):
        summary["complete"] += names(day, verdict.complete).values()
        for status in ("partial", "failed"):
            reasons: Mapping[str, str] = getattr(verdict, status)
            summary[status] |= {name: reasons[source] for source, name in names(day, reasons).items()}
    return summary


def conclude(unit: Unit) -> str:
    """End a unit red where a source failed; the others are loaded and passed on."""
    get_current_context()["label"] = unit["label"]
    with running():
        verdicts = {day: Verdict(**fields) for day, fields in unit["verdicts"].items()}
        for day, verdict in verdicts.items():
            verdict.raise_failures(day)
        return f"{sum(len(verdict.complete) for verdict in verdicts.values())} sources complete"
