"""Writes the table of a run as Markdown and JSON: fault, step, counts of faults and rows, seconds."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from spotify_pipeline.settings import PROJECT_ROOT

HEADINGS = ("fault", "step", "times injected", "lost rows", "wrong rows", "seconds, median", "most")


@dataclass
class Row:
    """One fault at one step; `seconds` is the duration of each recovery, from the first retry to its end."""

    fault: str
    step: str
    injected: int = 0
    lost: int = 0
    wrong: int = 0
    seconds: list[float] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    def cells(self) -> tuple[str, ...]:
        """Return the texts of the printed columns."""
        times = sorted(self.seconds)
        median = f"{times[len(times) // 2]:.2f}" if times else "-"
        most = f"{times[-1]:.2f}" if times else "-"
        return (self.fault, self.step, str(self.injected), str(self.lost), str(self.wrong), median, most)


def merged(rows: Iterable[Row]) -> list[Row]:
    """Merge rows of the same fault and step, in the order of their first appearance."""
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        known = found.setdefault((row.fault, row.step), Row(row.fault, row.step))
        known.injected += row.injected
        known.lost += row.lost
        known.wrong += row.wrong
        known.seconds += row.seconds
        known.findings += row.findings
    return list(found.values())


def markdown(rows: Sequence[Row]) -> str:
    """Return the table as Markdown, with a line of sums."""
    total = Row("all", "")
    for row in rows:
        total.injected += row.injected
        total.lost += row.lost
        total.wrong += row.wrong
        total.seconds += row.seconds
    lines: list[tuple[str, ...]] = [HEADINGS, ("---", "---", "---:", "---:", "---:", "---:", "---:")]
    lines += [row.cells() for row in (*rows, total)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write(rows: Sequence[Row], folder: Path, *, heading: str, seconds: float) -> Path:
    """Write table.md and table.json into `folder`; return the path of table.md."""
    folder.mkdir(parents=True, exist_ok=True)
    found = [finding for row in rows for finding in row.findings]
    text = f"{heading}\n\n{markdown(rows)}\n{len(found)} findings, {seconds:.0f} seconds.\n"
    text += "".join(f"- {finding}\n" for finding in found)
    path = folder / "table.md"
    path.write_text(text)
    record = {
        "heading": heading,
        "seconds": round(seconds, 1),
        "findings": found,
        "rows": [asdict(row) | {"seconds": [round(second, 3) for second in row.seconds]} for row in rows],
    }
    (folder / "table.json").write_text(json.dumps(record, indent=1) + "\n")
    return path


def commit() -> str:
    """Return the short hash of the tested commit, with a `+` if files differ from it."""
    git = ["git", "-C", str(PROJECT_ROOT)]
    if shutil.which("git") is None:
        return "no commit"
    described = subprocess.run(  # noqa: S603
        [*git, "describe", "--always", "--dirty=+", "--abbrev=9"], capture_output=True, text=True, check=False
    )
    return described.stdout.strip() or "no commit"
