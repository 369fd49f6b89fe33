"""Time `backup` and `restore` of a warehouse with simulated days, and print the seconds for each GB.

    make bench-backup        (python -m benchmarks.backup_benchmark --observations 5000 --days 20 90 200)

The rows of staging are those of `make bench-year`; dbt builds all models once. The backup of one scratch
Postgres is restored into a second one. Neither waits for the disk (`fsync` is off), so a server in production
takes longer where its disk is slow.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figures import write_results
from benchmarks.year_benchmark import build, database_bytes, fill
from spotify_pipeline.cli.postgres_programs import postgres_program
from spotify_pipeline.connections import WAREHOUSE_DBT, WAREHOUSE_OWNER, ConnectionInfo
from spotify_pipeline.warehouse import roles
from spotify_pipeline.warehouse.backup import back_up, restore
from spotify_stack.scratch import DATABASE, SCRATCH, ScratchWarehouse, scratch_warehouse


def logins(warehouse: ScratchWarehouse) -> tuple[ConnectionInfo, ConnectionInfo]:
    """Return the connections of the pipeline's owner and of dbt."""
    owner = warehouse.connections[WAREHOUSE_OWNER]
    return owner, ConnectionInfo(
        WAREHOUSE_DBT, "postgres", owner.host, owner.port, roles.DBT, SCRATCH, DATABASE
    )


def seconds_of(action: Callable[[], object]) -> float:
    """Return how long an action takes."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def measure(folder: Path, observations: int, days: int) -> dict[str, Any]:
    """Fill a warehouse with days, back it up and restore it elsewhere.

    Args:
        folder: for the servers and the backup; a Postgres of another user must be able to enter it.
        observations: of tracks, a day.
        days: number of days.

    Returns:
        Days, bytes of the database and of the backup, seconds of backup and restore.
    """
    saved = folder / "backup"
    names = "pg_dump", "pg_restore"
    dump, load = (postgres_program(name, "run make .venv", newest=True) for name in names)
    (source, target) = folder / "source", folder / "target"
    for each in (source, target):
        each.mkdir(mode=0o755)
    with scratch_warehouse(source) as warehouse:
        fill(warehouse.url, observations, 1, days)
        build(warehouse, source)
        found: dict[str, Any] = {"days": days, "database_bytes": database_bytes(warehouse)}
        found["backup_seconds"] = seconds_of(lambda: back_up(*logins(warehouse), saved, dump))
    found["backup_bytes"] = sum(path.stat().st_size for path in saved.iterdir())
    with scratch_warehouse(target) as empty:
        found["restore_seconds"] = seconds_of(lambda: restore(*logins(empty), saved, load))
    return found


def table(runs: list[dict[str, Any]]) -> list[str]:
    """Return the figures as a Markdown table."""
    lines = [
        "| database, GB | backup, GB | backup, s | restore, s | backup, s/GB | restore, s/GB |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    for run in runs:
        gigabytes = run["database_bytes"] / 1e9
        cells = [
            f"{gigabytes:.2f}",
            f"{run['backup_bytes'] / 1e9:.2f}",
            f"{run['backup_seconds']:.0f}",
            f"{run['restore_seconds']:.0f}",
            f"{run['backup_seconds'] / gigabytes:.0f}",
            f"{run['restore_seconds'] / gigabytes:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Measure each number of days, print the table, and write the figures to benchmarks/results/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--observations", type=int, default=5_000, help="of tracks, a day")
    parser.add_argument("--days", type=int, nargs="+", default=[20, 90, 200])
    options = parser.parse_args()
    runs = []
    for days in options.days:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o755)
            runs.append(measure(folder, options.observations, days))
            print(f"{days} days: done", file=sys.stderr, flush=True)
    print("\n".join(table(runs)))
    write_results("backup.json", runs)


if __name__ == "__main__":
    main()
