"""Runs the steps of a partition and the operations after it without Airflow, as their tasks do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from typing import Any

from spotify_pipeline.sources import load_sources
from spotify_pipeline.stages import plan as planning
from spotify_pipeline.stages.clients import Clients
from spotify_pipeline.stages.details import DETAILS, details_source
from spotify_pipeline.stages.fetch import fetch_source
from spotify_pipeline.stages.group import SourceState, for_each
from spotify_pipeline.stages.listening import Reading, fetch_plays, load_plays
from spotify_pipeline.stages.load import load_source
from spotify_pipeline.stages.reconcile import reconcile
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.stages.validate import validate_source
from tests.faults.operations import OPERATIONS

LISTENING = "_listening"


@dataclass(frozen=True)
class Step:
    """One task of one partition; `source` is empty if the task concerns all of them."""

    day: date
    task: str
    source: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.task, self.source)))

    @property
    def key(self) -> str:
        """The key of its result, under which the steps after it find it."""
        return f"{self.day}/{self}"

    @property
    def is_operation(self) -> bool:
        """Whether it follows the days of an ingest, and may commit several times."""
        return self.task in OPERATIONS

    @property
    def writes_rows(self) -> bool:
        """Whether it may change the warehouse."""
        return self.task not in {"fetch", "validate"}


def steps_of(day: date, sources: tuple[str, ...]) -> list[Step]:
    """Return a partition's steps in the order of the DAG; the listening history comes before reconcile."""
    steps = [Step(day, "plan")]
    for source in (*sources, DETAILS):
        steps += [Step(day, task, source) for task in ("fetch", "validate", "load")]
    steps += [Step(day, task, LISTENING) for task in ("listen", "validate", "load")]
    return [*steps, Step(day, "reconcile")]


def operations_after(day: date) -> list[Step]:
    """Return the operations that follow the last day."""
    return [Step(day, task) for task in OPERATIONS]


def perform(runtime: Runtime, step: Step, carried: Mapping[str, Any], *, tries_left: bool = True) -> Any:
    """Run a step and return its result for the steps after it, in plain values; errors are those of the task.

    `carried` holds the results of the steps before it by `Step.key`.
    """
    if step.is_operation:
        OPERATIONS[step.task](runtime, step.day)
        return None
    whole: dict[str, Callable[[], Any]] = {
        "plan": lambda: _plan(runtime, step.day),
        "listen": lambda: fetch_plays(runtime).source,
        "reconcile": lambda: _reconcile(runtime, step, carried),
    }
    if step.task in whole:
        return whole[step.task]()
    if step.source == LISTENING:
        reading = Reading(step.day, carried[f"{step.day}/listen {LISTENING}"])
        if step.task == "validate":
            return asdict(validate_source(runtime.lake, step.day, reading.source))["counts"]
        return load_plays(runtime, reading).to_dict()
    work: dict[str, Callable[[Runtime, date, str], SourceState]] = {
        "fetch": partial(_fetch, tries_left=tries_left),
        "validate": _validate,
        "load": load_source,
    }
    state = SourceState(step.source)
    done = for_each([state], lambda _: work[step.task](runtime, step.day, step.source), tries_left=tries_left)
    return done[0].to_dict()


def _plan(runtime: Runtime, day: date) -> list[str]:
    plan = planning.plan(runtime, day)
    planning.register(runtime, plan)
    return sorted(name for group in plan.groups for name in group.sources)


def _fetch(runtime: Runtime, day: date, name: str, *, tries_left: bool) -> SourceState:
    with Clients(runtime) as clients:
        if name == DETAILS:
            source = details_source(runtime, clients.app, day)
            assert source is not None
        else:
            source = next(s for s in load_sources(runtime.settings.sources) if s.name == name)
        return fetch_source(runtime, clients, day, source, tries_left=tries_left).state


def _validate(runtime: Runtime, day: date, name: str) -> SourceState:
    validate_source(runtime.lake, day, name)
    return SourceState(name)


def _reconcile(runtime: Runtime, step: Step, carried: Mapping[str, Any]) -> Any:
    planned = [*carried[f"{step.day}/plan"], DETAILS]
    states = [carried.get(f"{step.day}/load {name}") for name in planned]
    known = [SourceState.from_dict(fields) for fields in states if fields is not None]
    return asdict(reconcile(runtime, step.day, planned, known))


Work = Callable[[Runtime, Step, Mapping[str, Any]], Any]
