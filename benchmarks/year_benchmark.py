"""Time the daily dbt build after a month and after a year, on a scratch Postgres with generated rows.

    make bench-year        (python benchmarks/year_benchmark.py --observations 50000 --days 365)

The rows of staging are made by SQL on the server (simulated_days.sql): each day `--observations` tracks, a
tenth as many albums and playlist entries, 200 plays of ten users. A measurement is one process, `dbt build`
with every model and data test, into the schema of marts that readers do not see, with the settings of the
embedded stack and work_mem of 128 MB. Four are compared: the usual day `--first`, the last day, and after
each a build with nothing new. The days between are built in one go before the last.

It prints a Markdown table, and which aims were missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import Table

from spotify_pipeline.settings import PROJECT_ROOT
from spotify_pipeline.warehouse import roles
from spotify_pipeline.warehouse.tables import staging
from spotify_stack.processes import PeakMemory, family, memory_of
from spotify_stack.scratch import DATABASE, ScratchWarehouse, scratch_warehouse

# days 30 and 365 are no Sundays, on which the tests compare the whole history
START = date(2025, 1, 1)
ROWS = Path(__file__).with_name("simulated_days.sql")
SETTINGS = {
    "work_mem": "128MB",
    # workers that build an index hand it over in temporary files, which would count as spilled
    "max_parallel_maintenance_workers": "0",
}
MAX_GROWTH = 1.25
"""Aim: the last day takes at most so many times as long as the first."""
MAX_IDLE = 0.25
"""Aim: a build with nothing new takes at most this part of a usual day."""
_CURRENT = {
    staging.tracks: staging.track_observations,
    staging.albums: staging.album_observations,
    staging.artists: staging.artist_observations,
    staging.playlists: staging.playlist_observations,
}


@dataclass(frozen=True)
class Build:
    """What one `dbt build` cost.

    Attributes:
        seconds: Elapsed from the start of the process to its end.
        processor: Processor seconds of dbt and of Postgres; other programs hardly change them.
        postgres: Those of Postgres.
        spilled: Bytes of temporary files.
        peak: Memory of all processes of Postgres, in bytes; shared memory counted once.
        slowest: Seconds of the slowest nodes.
    """

    seconds: float
    processor: float
    postgres: float
    spilled: int
    peak: int
    slowest: dict[str, float]


def fill(url: str, tracks: int, first: int, last: int) -> None:
    """Write the rows of days `first` to `last` to staging.

    Args:
        url: of the warehouse, as a superuser.
        tracks: observed each day; a multiple of 1,000.
        first: number of the first day, from 1.
        last: number of the last day.
    """
    numbers = {"start": START - timedelta(days=1), "tracks": tracks, "first": first, "last": last}
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(ROWS.read_bytes(), numbers)
        for table, observations in _CURRENT.items():
            connection.execute(_merge_current(table, observations), numbers)
        connection.execute("vacuum analyze")


def _merge_current(table: Table, observations: Table) -> sql.Composed:
    """Return the statement that makes the last day's observations the newest values."""
    shared = [column.name for column in table.columns if column.name in observations.columns]
    [key] = table.primary_key.columns.keys()
    change = sql.SQL("{0} = excluded.{0}")
    return sql.SQL(
        "insert into {table} ({names}, first_seen_on, last_seen_on)"
        " select {names}, %(start)s + %(first)s, observed_on from {observations}"
        " where observed_on = %(start)s + %(last)s"
        " on conflict ({key}) do update set {changes}, last_seen_on = excluded.last_seen_on"
    ).format(
        table=sql.Identifier(str(table.schema), table.name),
        observations=sql.Identifier(str(observations.schema), observations.name),
        key=sql.Identifier(key),
        names=sql.SQL(", ").join(map(sql.Identifier, shared)),
        changes=sql.SQL(", ").join(change.format(sql.Identifier(name)) for name in shared if name != key),
    )


def build(warehouse: ScratchWarehouse, folder: Path, *selection: str) -> Build:
    """Run every model and data test, or those of a selection, in one dbt process."""
    project = str(PROJECT_ROOT / "dbt")
    command = [
        *(sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", "build"),
        *("--target", "build", "--target-path", str(folder / "target"), "--log-path", str(folder)),
        *("--project-dir", project, "--profiles-dir", project),
        *(selection or ("--exclude", "resource_type:unit_test")),
    ]
    before = _counters(warehouse)
    with PeakMemory(lambda: memory_of(family(_postmaster(warehouse)))) as memory:
        begun = time.perf_counter()
        done = subprocess.run(  # noqa: S603 - our own command
            command, env=os.environ | warehouse.environment, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - begun
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    spilled, postgres, dbt = (
        after - earlier for after, earlier in zip(_counters(warehouse), before, strict=True)
    )
    return Build(seconds, dbt + postgres, postgres, int(spilled), memory.peak, _slowest(folder / "target"))


def _counters(warehouse: ScratchWarehouse) -> tuple[float, float, float]:
    """Return bytes spilled, processor seconds of Postgres, and those of the dbt processes so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return _spilled(warehouse), _processor_seconds(warehouse), usage.ru_utime + usage.ru_stime


def _postmaster(warehouse: ScratchWarehouse) -> int:
    return int((warehouse.server.data / "postmaster.pid").read_text().splitlines()[0])


def _spilled(warehouse: ScratchWarehouse) -> int:
    """Return the bytes of temporary files so far."""
    time.sleep(1.5)  # sessions report at their end
    with psycopg.connect(warehouse.url) as connection:
        row = connection.execute(
            "select temp_bytes from pg_stat_database where datname = current_database()"
        ).fetchone()
    return row[0] if row else 0


def _processor_seconds(warehouse: ScratchWarehouse) -> float:
    """Return the processor seconds of all processes of Postgres, those that have ended included."""
    pid = _postmaster(warehouse)
    seconds = _processor(pid, ended_children=True)
    for child in _children(pid):
        try:
            seconds += _processor(child)
        except OSError:  # it has ended
            continue
    return seconds


def _processor(pid: int, *, ended_children: bool = False) -> float:
    # the fields after the name, which is in brackets: 11 and 12 are the process, 13 and 14 its ended children
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if ended_children else 13])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _slowest(target: Path) -> dict[str, float]:
    results = json.loads((target / "run_results.json").read_bytes())["results"]
    times = {result["unique_id"].split(".")[2]: result["execution_time"] for result in results}
    return dict(sorted(times.items(), key=lambda item: -item[1])[:8])


def measure(warehouse: ScratchWarehouse, folder: Path, options: argparse.Namespace) -> dict[str, Build]:
    """Fill and build, and return the builds by the name of their column."""
    builds = {}
    built = 0
    for day in (options.first, options.days):
        for name, last in ((f"before day {day}", day - 1), (f"day {day}", day), (f"nothing new, {day}", day)):
            begun = time.perf_counter()
            if last > built:
                fill(warehouse.url, options.observations, built + 1, last)
            built = last
            filled = time.perf_counter()
            builds[name] = build(warehouse, folder)
            done = builds[name]
            slowest = ", ".join(f"{node} {seconds:.2f}" for node, seconds in done.slowest.items())
            print(
                f"{name}: filled in {filled - begun:.0f} s, built in {done.seconds:.1f} s"
                f" ({done.processor:.1f} of processors); slowest nodes: {slowest}",
                file=sys.stderr,
                flush=True,
            )
    return {name: each for name, each in builds.items() if not name.startswith("before")}


def report(builds: dict[str, Build], size: int, options: argparse.Namespace) -> str:
    """Return the table and the aims."""
    first, _, last, idle_last = builds.values()
    rows = {
        "elapsed seconds": [f"{each.seconds:.1f}" for each in builds.values()],
        "processor seconds": [f"{each.processor:.1f}" for each in builds.values()],
        "of these Postgres": [f"{each.postgres:.1f}" for each in builds.values()],
        "spilled to disk, MB": [f"{each.spilled / 1e6:.0f}" for each in builds.values()],
        "peak memory of Postgres, MB": [f"{each.peak / 1e6:.0f}" for each in builds.values()],
    }
    lines = [
        f"{options.observations:,} track observations a day; at the end {size / 1e9:.1f} GB of database.",
        "",
        f"| | {' | '.join(builds)} |",
        f"|---|{'--:|' * len(builds)}",
        *(f"| {name} | {' | '.join(values)} |" for name, values in rows.items()),
        "",
    ]
    growth = last.processor / first.processor
    idle = idle_last.processor / last.processor
    spilled = max(each.spilled for each in builds.values())
    for what, value, aim in (
        (f"day {options.days} against day {options.first}", growth, MAX_GROWTH),
        ("nothing new against a usual day", idle, MAX_IDLE),
        ("bytes spilled", spilled, 0),
    ):
        lines.append(f"- {what}: {value:.2f}, aim {aim}: {'reached' if value <= aim else 'MISSED'}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--observations", type=int, default=5_000, help="of tracks, a day")
    parser.add_argument("--first", type=int, default=30, help="the first measured day")
    parser.add_argument("--days", type=int, default=365, help="the last measured day")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postgres may run as another user
        with scratch_warehouse(folder) as warehouse:
            with psycopg.connect(warehouse.url) as connection:
                for setting, value in SETTINGS.items():
                    connection.execute(f"alter role {roles.DBT} set {setting} = '{value}'".encode())
            builds = measure(warehouse, folder, options)
            with psycopg.connect(warehouse.url) as connection:
                row = connection.execute("select pg_database_size(%s)", [DATABASE]).fetchone()
            print(report(builds, row[0] if row else 0, options))


if __name__ == "__main__":
    main()
