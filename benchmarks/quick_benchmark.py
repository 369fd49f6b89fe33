"""Compare what a change can slow down with figures that are committed, in less than three minutes.

    make bench-quick                                  (python -m benchmarks.quick_benchmark)
    python -m benchmarks.quick_benchmark --accept     (the measured figures become the committed ones)

Each figure is a ratio of ours to something that a change of ours does not touch, measured in turn on the same
machine, so that it means the same on another one. It is of processor time or of memory, which other programs
hardly change; of several runs, the least time and the greatest peak count. A ratio that is more than
`TOLERANCE` times the committed one ends the command with status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping

from benchmarks.figures import RESULTS, ROOT
from benchmarks.peer_benchmark import compare

COMMITTED = RESULTS / "quick.json"
TOLERANCE = 1.25
RUNS = 3
TRACKS = 10_000
AIRFLOW = "import airflow.sdk, airflow.dag_processing.dagbag, cosmos"
DAG_FILE = (
    "from airflow.dag_processing.dagbag import DagBag\n"
    "bag = DagBag('dags/spotify_transform.py')\n"
    "assert bag.dags and not bag.import_errors, bag.import_errors"
)


def load_ratios() -> dict[str, float]:
    """Return processor time and memory of our load, in those of the bare script."""
    runs = compare([TRACKS], RUNS, peers=["bare script"])
    ratios = {}
    for responses in dict.fromkeys(run["responses"] for run in runs):
        # a short run can end before its peak is sampled
        for figure, chosen in (("core_seconds", min), ("megabytes", max)):
            ours, bare = (
                chosen(run[figure] for run in runs if (run["responses"], run["side"]) == (responses, side))
                for side in ("ours", "bare script")
            )
            ratios[f"load of {responses}, {figure}, ours / bare script"] = round(ours / bare, 2)
    return ratios


def dag_ratios() -> dict[str, float]:
    """Return the processor time of reading the DAG file, in that of importing Airflow and Cosmos."""
    alone, with_file = (min(_processor(code) for _ in range(RUNS)) for code in (AIRFLOW, DAG_FILE))
    return {"core_seconds of dags/spotify_transform.py / of its imports": round(with_file / alone, 2)}


def _processor(code: str) -> float:
    before = os.times()
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "config"}
        environment |= dict.fromkeys(("HOME", "TMPDIR", "AIRFLOW_HOME"), home)
        command = [sys.executable, "-c", code]
        done = subprocess.run(  # noqa: S603 - our own command
            command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
    if done.returncode:
        sys.exit(done.stderr)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def worse(measured: Mapping[str, float], committed: Mapping[str, float]) -> list[str]:
    """Return a sentence for each ratio that is worse than the committed one by more than the tolerance."""
    found = []
    for name, ratio in measured.items():
        if name not in committed:
            found.append(f"{name}: no committed figure; accept {ratio} with --accept")
        elif ratio > committed[name] * TOLERANCE:
            found.append(f"{name}: {ratio}, more than {TOLERANCE} times the committed {committed[name]}")
    return found


def main() -> None:
    """Print all ratios; exit with status 1 if one got worse."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--accept", action="store_true", help="write the measured ratios to the committed file"
    )
    options = parser.parse_args()
    committed: dict[str, float] = json.loads(COMMITTED.read_bytes()) if COMMITTED.exists() else {}
    parts: tuple[Callable[[], dict[str, float]], ...] = (dag_ratios, load_ratios)
    measured = {name: ratio for part in parts for name, ratio in part().items()}
    for name, ratio in measured.items():
        print(f"{name}: {ratio} (committed: {committed.get(name, 'none')})")
    if options.accept:
        COMMITTED.write_text(json.dumps(measured, indent=1) + "\n")
    elif problems := worse(measured, committed):
        sys.exit("\n".join(["slower than committed:", *problems]))


if __name__ == "__main__":
    main()
