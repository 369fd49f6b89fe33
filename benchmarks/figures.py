"""Aims of the benchmarks, and the files of their raw figures."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class Aim:
    """A measured figure, and the bound that it should keep.

    Attributes:
        what: Name of the figure.
        value: The figure.
        at_most: Greatest value that meets the aim.
        at_least: Smallest value that meets it; with it, `at_most` is not given.
    """

    what: str
    value: float
    at_most: float | None = None
    at_least: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether the figure keeps its bound."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return self.at_most is None or self.value <= self.at_most

    @property
    def row(self) -> str:
        """The figure as a row of a Markdown table."""
        bound = f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"
        return f"| {self.what} | {self.value:.2f} | {bound} | {'met' if self.is_met else 'missed'} |"


def aims_table(aims: Iterable[Aim]) -> list[str]:
    """Return a Markdown table of aims."""
    return ["| figure | measured | aim | |", "| --- | ---: | ---: | --- |", *(aim.row for aim in aims)]


def write_results(name: str, runs: list[dict[str, Any]]) -> None:
    """Write the figures of each run, with date and machine, to a file of benchmarks/results/."""
    memory = psutil.virtual_memory().total / 2**30
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"
    result = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine, "runs": runs}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text(json.dumps(result, indent=1) + "\n")
