"""A schedule: which faults happen, and when. The seed alone determines it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum

from spotify_pipeline.stages.details import DETAILS
from tests.faults.driver import LISTENING
from tests.faults.environment import SOURCES
from tests.faults.random_servers import API, STORE, WAREHOUSE


class Kind(StrEnum):
    """The kinds of faults; `random_faults` says how the pipeline may recover from them."""

    WORKER_KILLED = "worker killed"
    WORKER_STOPPED = "worker stopped"
    WORKER_ORPHANED = "worker stopped, its retry at the same time"
    DOUBLE_RUN = "two workers at once"
    BACKEND_KILLED = "Postgres session killed"
    POSTGRES_KILLED = "Postgres killed"
    POSTGRES_STOPPED = "Postgres stopped"
    POSTGRES_FULL = "Postgres has no space left"
    STORE_KILLED = "store killed"
    STORE_STOPPED = "store stopped"
    STORE_FULL = "store has no space left"
    API_STOPPED = "Spotify stopped"
    REFUSED = "connections refused"
    RESET = "connection reset mid-body"
    LOST = "responses lost"
    HOLE = "black hole"
    LATENCY = "latency"
    CUT = "connection closed mid-body"
    SHORT_LIMIT = "429, short"
    LONG_LIMIT = "429, an hour"
    QUOTA = "QUOTA_EXCEEDED"
    PLAIN_TEXT = "429 in plain text"
    SERVER_ERROR = "5xx"
    BODY_CUT = "response cut short"
    NOT_JSON = "response is HTML"
    TOKENS_EXPIRED = "tokens expired"
    PAGE_SHIFTED = "pages shifted"
    MIDNIGHT = "Spotify's clock past midnight and back"
    LOCAL_CLOCK = "local clock a day off"
    RAW_LOST = "raw object lost"
    RAW_CORRUPT = "raw object corrupt"
    MANIFEST_LOST = "manifest lost"
    VALIDATED_LOST = "validated object lost"
    VALIDATED_CORRUPT = "validated object corrupt"
    SELECTION_CORRUPT = "detail selection corrupt"
    REPEATED = "partition repeated"
    OUT_OF_ORDER = "partitions out of order"
    LATE = "a source a day late"


FIXED_SEEDS = (0, 7, 13, 14, 20, 30, 33)
"""Schedules that run every time: one of each kind of fault. A seed that finds something is added."""
PROCESS = (Kind.WORKER_KILLED, Kind.WORKER_STOPPED, Kind.WORKER_ORPHANED, Kind.DOUBLE_RUN)
NETWORK = (Kind.REFUSED, Kind.RESET, Kind.LOST, Kind.HOLE, Kind.LATENCY, Kind.CUT)
RESPONSES = (
    Kind.SHORT_LIMIT, Kind.LONG_LIMIT, Kind.QUOTA, Kind.PLAIN_TEXT, Kind.SERVER_ERROR, Kind.BODY_CUT,
    Kind.NOT_JSON, Kind.TOKENS_EXPIRED, Kind.MIDNIGHT,
)  # fmt: skip
OBJECTS = (
    Kind.RAW_LOST, Kind.RAW_CORRUPT, Kind.MANIFEST_LOST, Kind.VALIDATED_LOST, Kind.VALIDATED_CORRUPT,
    Kind.SELECTION_CORRUPT,
)  # fmt: skip
ORDER = (Kind.REPEATED, Kind.OUT_OF_ORDER, Kind.LATE)
_SERVERS = (
    Kind.BACKEND_KILLED, Kind.POSTGRES_KILLED, Kind.POSTGRES_STOPPED, Kind.POSTGRES_FULL, Kind.STORE_KILLED,
    Kind.STORE_STOPPED, Kind.STORE_FULL, Kind.API_STOPPED,
)  # fmt: skip
# these may be combined; a schedule has at most one of the others, because each has its own expected result
COMBINED = (
    *PROCESS,
    *NETWORK,
    *_SERVERS,
    Kind.SHORT_LIMIT,
    Kind.SERVER_ERROR,
    Kind.BODY_CUT,
    Kind.LOCAL_CLOCK,
)
_CALLS = [*(f"fetch {name}" for name in (*SOURCES, DETAILS)), f"listen {LISTENING}"]
_VALIDATES = [f"validate {name}" for name in (*SOURCES, DETAILS, LISTENING)]
_LOADS = [f"load {name}" for name in (*SOURCES, DETAILS, LISTENING)]
_STEPS = ["plan", *_CALLS, *_VALIDATES, *_LOADS, "reconcile"]
_DAILY = [f"{{}} {name}" for name in (*SOURCES, DETAILS)]


@dataclass(frozen=True)
class Fault:
    """A fault in the first attempt of `step` on day `day`, after the share `delay` of its usual duration.

    `target`: the server; `window`: its length in seconds; `size`: bytes or calls that still pass;
    `times`: how often it happens.
    """

    kind: Kind
    step: str
    day: int = 0
    delay: float = 0.0
    target: str = ""
    window: float = 0.0
    size: int = 0
    times: int = 1

    def __str__(self) -> str:
        where = f" at {self.target}" if self.target else ""
        return f"{self.kind}{where}, {self.step}+{self.delay:.2f} on day {self.day + 1}"


@dataclass(frozen=True)
class Schedule:
    """Some faults during one or two days; `order` is what happens after the last day."""

    seed: int
    days: int
    faults: tuple[Fault, ...]
    order: Kind | None = None
    shuffle: tuple[int, ...] = field(default_factory=tuple)

    def __str__(self) -> str:
        what = [str(fault) for fault in self.faults] + ([str(self.order)] if self.order else [])
        return f"seed {self.seed}, {self.days} day{'s' if self.days > 1 else ''}: {'; '.join(what)}"


def draw(seed: int) -> Schedule:
    """Return the schedule of a seed; seeds in a row go through all kinds of faults."""
    rng = random.Random(f"schedule {seed}")
    kinds = list(Kind)
    first = kinds[seed % len(kinds)]
    days = 2 if first in {Kind.OUT_OF_ORDER, Kind.LATE} or rng.random() < 0.1 else 1
    chosen = [first]
    if first in COMBINED or first in ORDER:
        chosen += rng.sample(COMBINED, rng.choice((0, 1, 1, 2)))
    faults = tuple(_fault(rng, kind, days) for kind in chosen if kind not in ORDER)
    shuffle = [0, 1, 0, 1]
    rng.shuffle(shuffle)
    return Schedule(seed, days, faults, first if first in ORDER else None, tuple(shuffle))


def _fault(rng: random.Random, kind: Kind, days: int) -> Fault:
    day, delay = rng.randrange(days), rng.random()
    step, target, window, size, times = rng.choice(_STEPS), "", rng.uniform(0.1, 0.8), 0, 1
    if kind in NETWORK:
        target = rng.choice((API, STORE, WAREHOUSE))
        step = rng.choice([name for name in _STEPS if target in _servers_of(name)])
        size, times = int(2 ** rng.uniform(0, 13)), rng.choice((1, 1, 2, 6))
    elif kind in RESPONSES:
        step, size, times, delay = rng.choice(_CALLS[:3]), rng.randrange(4), rng.choice((1, 2, 4, 8)), 0.0
    elif kind is Kind.PAGE_SHIFTED:
        step, delay = "fetch band", 0.0
    elif kind in {Kind.API_STOPPED, Kind.LOCAL_CLOCK}:
        step = rng.choice(_CALLS)
    elif kind in {Kind.STORE_KILLED, Kind.STORE_STOPPED, Kind.STORE_FULL}:
        step = rng.choice([name for name in _STEPS if STORE in _servers_of(name)])
    elif kind in {Kind.BACKEND_KILLED, Kind.POSTGRES_KILLED, Kind.POSTGRES_STOPPED, Kind.POSTGRES_FULL}:
        step = rng.choice([name for name in _STEPS if WAREHOUSE in _servers_of(name)])
    elif kind in {Kind.RAW_LOST, Kind.RAW_CORRUPT, Kind.MANIFEST_LOST}:
        step, delay = rng.choice(_DAILY).format("validate"), 0.0
    elif kind in {Kind.VALIDATED_LOST, Kind.VALIDATED_CORRUPT}:
        step, delay = rng.choice(_DAILY).format("load"), 0.0
    elif kind is Kind.SELECTION_CORRUPT:
        step, delay = f"fetch {DETAILS}", 0.0
    return Fault(kind, step, day, delay, target, window, size, times)


def _servers_of(step: str) -> set[str]:
    task = step.split(maxsplit=1)[0]
    return {
        "plan": {API, STORE, WAREHOUSE},
        "fetch": {API, STORE, WAREHOUSE},
        "listen": {API, STORE, WAREHOUSE},
        "validate": {STORE},
        "load": {STORE, WAREHOUSE},
        "reconcile": {WAREHOUSE},
    }[task]
