"""Time the daily dbt build after a month and after a year, on a scratch Postgres with generated rows.

    make bench-year        (python benchmarks/year_benchmark.py --observations 50000 --days 365)

The rows of staging are made by SQL on the server (simulated_days.sql): each day `--observations` tracks, a
tenth as many albums and playlist entries, 200 plays of ten users. A measurement is one process, `dbt build`
with every model and data test, into the schema of marts that readers do not see, with the settings of the
embedded stack and work_mem of 128 MB. Three are compared: the usual day `--first`, the last day, and the last
day built once more, as in a run that a person triggers. The days between are built in one go before the last.

If the loads of a partition changed nothing, `spotify_transform` builds nothing: it compares the inputs with
those of the publication, and publishes its tables for one more partition. This is measured, too.

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
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import Table

from spotify_pipeline.settings import PROJECT_ROOT
from spotify_pipeline.stages import publish as stage
from spotify_pipeline.stages.runtime import Attempt, Runtime
from spotify_pipeline.warehouse import roles
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.load_log import LoadRecord, record_load
from spotify_pipeline.warehouse.publication import Publication, record_publication
from spotify_pipeline.warehouse.roles import MARTS_BUILD
from spotify_pipeline.warehouse.tables import staging
from spotify_stack.processes import PeakMemory, family, memory_of
from spotify_stack.scratch import DATABASE, ScratchWarehouse, scratch_warehouse

# days 30 and 365 are no Sundays, on which the tests compare the whole history
START = date(2025, 1, 1)
PROJECT = PROJECT_ROOT / "dbt"
ROWS = Path(__file__).with_name("simulated_days.sql")
SETTINGS = {
    "work_mem": "128MB",
    # workers that build an index hand it over in temporary files, which would count as spilled
    "max_parallel_maintenance_workers": "0",
}
MAX_GROWTH = 1.25
"""Aim: the last day takes at most so many times as long as the first."""
MAX_IDLE = 0.25
"""Aim: a partition with nothing new takes at most this part of a usual day."""
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


def mark_as_tested(url: str, schema: str = MARTS_BUILD) -> None:
    """Note that all tests passed on the tables of a schema, as a publication does; `url` is a superuser's."""
    watermarks = sql.Identifier(schema, "mart_model_watermark")
    with psycopg.connect(url) as connection:
        connection.execute(sql.SQL("update {} set tested_load_seq = load_seq").format(watermarks))


def build(warehouse: ScratchWarehouse, folder: Path, *selection: str) -> Build:
    """Run every model and data test, or those of a selection, in one dbt process."""
    command = [
        *(sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", "build"),
        *("--target", "build", "--target-path", str(folder / "target"), "--log-path", str(folder)),
        *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
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
    return _spilled(warehouse), postgres_seconds(warehouse), usage.ru_utime + usage.ru_stime


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


def postgres_seconds(warehouse: ScratchWarehouse) -> float:
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


def database_bytes(warehouse: ScratchWarehouse) -> int:
    """Return the size of the database."""
    with psycopg.connect(warehouse.url) as connection:
        row = connection.execute("select pg_database_size(%s)", [DATABASE]).fetchone()
    return int(row[0]) if row else 0


def publish_again(warehouse: ScratchWarehouse, partition: date) -> float:
    """Publish the tables of `partition` for the date after it, whose load changed nothing.

    This is what `spotify_transform` does if nothing is new, apart from Airflow's own work.

    Returns:
        The processor seconds of this process and of Postgres.
    """
    runtime = Runtime(lookup=warehouse.connections.__getitem__, attempt=Attempt("benchmark"))
    mark = stage.take_watermark(runtime, PROJECT)
    next_day = partition + timedelta(days=1)
    load = LoadRecord(
        mark.load_seq + 1,
        next_day,
        "catalogue",
        datetime.now(UTC),
        inserted=0,
        updated=0,
        unchanged=1,
        complete=True,
        run_id=runtime.attempt.run_id,
        try_number=runtime.attempt.try_number,
    )
    with connect(runtime.ingest) as connection:
        published = Publication(partition, runtime.attempt.run_id, mark.load_seq, tests_passed=0)
        record_publication(connection, published, inputs_digest=mark.digest)
        record_load(connection, load)
    postgres, own = postgres_seconds(warehouse), time.process_time()
    mark = stage.take_watermark(runtime, PROJECT)
    if not mark.is_published:
        sys.exit("the inputs differ from those of the publication, although nothing is new")
    stage.publish_again(runtime, next_day, mark)
    return time.process_time() - own + postgres_seconds(warehouse) - postgres


def measure(warehouse: ScratchWarehouse, folder: Path, options: argparse.Namespace) -> list[Build]:
    """Fill and build; return the builds of the first day, the last day, and the last day once more."""
    builds = []
    built = 0
    for last in (options.first - 1, options.first, options.days - 1, options.days, options.days):
        begun = time.perf_counter()
        if last > built:
            fill(warehouse.url, options.observations, built + 1, last)
        built = last
        filled = time.perf_counter()
        builds.append(build(warehouse, folder))
        mark_as_tested(warehouse.url)
        done = builds[-1]
        slowest = ", ".join(f"{node} {seconds:.2f}" for node, seconds in done.slowest.items())
        print(
            f"up to day {last}: filled in {filled - begun:.0f} s, built in {done.seconds:.1f} s"
            f" ({done.processor:.1f} of processors); slowest nodes: {slowest}",
            file=sys.stderr,
            flush=True,
        )
    return [builds[number] for number in (1, 3, 4)]


def report(builds: list[Build], nothing_new: float, size: int, options: argparse.Namespace) -> str:
    """Return the table and the aims.

    Args:
        builds: of the first day, the last day, and the last day once more.
        nothing_new: processor seconds of a partition with nothing new.
        size: bytes of the database.
        options: of the command line.
    """
    first, last, again = builds
    rows = {
        "elapsed seconds": [f"{each.seconds:.1f}" for each in builds],
        "processor seconds": [f"{each.processor:.1f}" for each in builds],
        "of these Postgres": [f"{each.postgres:.1f}" for each in builds],
        "spilled to disk, MB": [f"{each.spilled / 1e6:.0f}" for each in builds],
        "peak memory of Postgres, MB": [f"{each.peak / 1e6:.0f}" for each in builds],
    }
    lines = [
        f"{options.observations:,} track observations a day; at the end {size / 1e9:.1f} GB of database.",
        "",
        f"| | day {options.first} | day {options.days} | day {options.days}, built again |",
        f"|---|{'--:|' * len(builds)}",
        *(f"| {name} | {' | '.join(values)} |" for name, values in rows.items()),
        "",
        f"A partition with nothing new: nothing is built, and {nothing_new:.2f} processor seconds pass.",
        f"Built again all the same: {again.processor / last.processor:.2f} of day {options.days}.",
        "",
    ]
    growth = last.processor / first.processor
    spilled = max(each.spilled for each in builds)
    for what, value, aim in (
        (f"day {options.days} against day {options.first}", growth, MAX_GROWTH),
        ("nothing new against a usual day", nothing_new / last.processor, MAX_IDLE),
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
            nothing_new = publish_again(warehouse, START + timedelta(days=options.days - 1))
            print(report(builds, nothing_new, database_bytes(warehouse), options))


if __name__ == "__main__":
    main()
