"""`make test-faults`: the faults suite with its table; see docs/reliability.md."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from spotify_pipeline.settings import PROJECT_ROOT
from tests.faults import exhaustive_run
from tests.faults.table import Row, commit, markdown, merged, write

KINDS = ("exhaustive", "schedules", "bugs", "random", "airflow")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kinds", default=",".join(KINDS), help="which parts, separated by commas")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the schedules and cells to run")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first random schedule")
    parser.add_argument("--workers", type=int, default=2, help="environments at the same time")
    parser.add_argument("--days", type=int, default=2, choices=(1, 2), help="days of the exhaustive part")
    parser.add_argument("--steps", default="", help="only steps whose name matches this regular expression")
    parser.add_argument(
        "--folder", type=Path, default=PROJECT_ROOT / "build" / "faults", help="for the table"
    )
    return parser.parse_args()


def _parts(
    arguments: argparse.Namespace, kinds: list[str], folder: Path
) -> Iterator[tuple[str, Callable[[], list[Row]]]]:
    if own := [kind for kind in kinds if kind in exhaustive_run.PARTS]:
        options = {name: getattr(arguments, name) for name in ("workers", "steps", "days")}
        yield (
            ", ".join(own),
            partial(exhaustive_run.run, arguments.scale, arguments.seed, folder, kinds=own, **options),
        )
    for kind in kinds:
        if kind not in exhaustive_run.PARTS:
            part = importlib.import_module(f"tests.faults.{kind}_run")
            yield kind, partial(part.run, arguments.scale, arguments.seed, folder / kind)


def main() -> int:
    """Run the parts, print and write the table; return 1 if anything was found."""
    arguments = _arguments()
    # an exception, so that servers and workers are ended on the way out
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    kinds = arguments.kinds.split(",")
    if unknown := set(kinds) - set(KINDS):
        sys.exit(f"unknown part {sorted(unknown)[0]}: there are {', '.join(KINDS)}")
    heading = (
        f"Faults at commit {commit()}: parts {', '.join(kinds)}, seed {arguments.seed},"
        f" scale {arguments.scale:g}."
    )
    print(heading, flush=True)
    began = time.monotonic()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postgres may run as another user
        for title, part in _parts(arguments, kinds, folder):
            print(f"part {title}, {time.monotonic() - began:.0f} s from the beginning", flush=True)
            rows = merged([*rows, *part()])
            # written after each part, because a later one may be interrupted
            path = write(rows, arguments.folder, heading=heading, seconds=time.monotonic() - began)
    seconds = time.monotonic() - began
    print(f"\n{markdown(rows)}")
    findings = [finding for row in rows for finding in row.findings]
    for finding in findings:
        print(f"FOUND {finding}")
    print(f"{len(findings)} findings in {seconds:.0f} s; the table is in {path}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
