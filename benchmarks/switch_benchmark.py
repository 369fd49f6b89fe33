"""Measure what the switch of a publication costs: its milliseconds under readers, the catching up, the disk.

    make bench-switch        (python -m benchmarks.switch_benchmark --observations 5000 --days 30)

The rows of staging are those of `make bench-year`, on a scratch Postgres. All days but the last are built and
published; the last one is what a usual day costs. Then the two schemas are switched twenty times while four
readers and a query of three seconds read. It prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import psycopg

from benchmarks.year_benchmark import START, build, fill
from spotify_pipeline.connections import WAREHOUSE_INGEST
from spotify_pipeline.warehouse import roles
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.publication import Build, publish
from spotify_stack.scratch import DATABASE, SCRATCH, ScratchWarehouse, scratch_warehouse

SWITCHES = 20
RUN = "benchmark"
READERS = [*["SELECT count(*) FROM marts.dim_track"] * 4, "SELECT pg_sleep(3), count(*) FROM marts.dim_track"]
"""What reads during the switches, each again and again."""
CATCH_UP = ("--select", "path:models/marts", "--exclude", "resource_type:test", "resource_type:unit_test")
"""What the task `catch_up` has dbt build."""
_TESTED = """
    INSERT INTO ops.dbt_result (partition, run_id, unique_id, resource_type, status)
    SELECT %s, %s, node, split_part(node, '.', 1),
        CASE WHEN node LIKE 'test.%%' THEN 'pass' ELSE 'success' END
    FROM unnest(%s::text[]) AS node
"""
_SIZE = """
    SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class
    WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'm', 'p')
"""


def built_by(target: Path) -> Build:
    """Return the tables that dbt has just built in the schema of marts, and the tests that it ran."""
    results = json.loads((target / "run_results.json").read_bytes())["results"]
    tables = {
        found["unique_id"] for found in results if f'"{roles.MARTS_BUILD}"' in (found["relation_name"] or "")
    }
    tests = {found["unique_id"] for found in results if found["unique_id"].startswith("test.")}
    return Build(frozenset(tables - tests), frozenset(tests))


def switch(warehouse: ScratchWarehouse, built: Build) -> float:
    """Publish as if everything had been built and tested anew, and return the seconds that it took."""
    with psycopg.connect(warehouse.url) as conn:
        conn.execute(_TESTED, [START, RUN, [*built.tables, *built.tests]])
    begun = time.perf_counter()
    with connect(warehouse.connections[WAREHOUSE_INGEST]) as conn:
        publish(conn, START, RUN, 1, built, wait=60)
    return time.perf_counter() - begun


@contextmanager
def readers(warehouse: ScratchWarehouse) -> Iterator[None]:
    """Read in sessions of `spotify_reader` during the block.

    Raises:
        psycopg.Error: a reader met an error, which ends the benchmark.
    """
    stop = Event()

    def read(statement: str) -> None:
        address = warehouse.server.url(DATABASE)
        with psycopg.connect(address, user=roles.READER, password=SCRATCH, autocommit=True) as conn:
            while not stop.is_set():
                conn.execute(statement.encode())

    with ThreadPoolExecutor(len(READERS)) as pool:
        sessions: list[Future[None]] = [pool.submit(read, statement) for statement in READERS]
        try:
            yield
        finally:
            stop.set()
        for session in sessions:
            session.result()


def megabytes(warehouse: ScratchWarehouse, schema: str) -> str:
    """Return the size of a schema's tables with their indexes."""
    with psycopg.connect(warehouse.url) as conn:
        row = conn.execute(_SIZE, [schema]).fetchone()
    return f"{int(row[0]) / 1e6:,.0f} MB" if row else "-"


def measure(warehouse: ScratchWarehouse, folder: Path, observations: int, days: int) -> dict[str, str]:
    """Build and publish all days but one, then that day, then switch under readers."""
    fill(warehouse.url, observations, 1, days - 1)
    for _ in range(2):  # both schemas
        build(warehouse, folder)
        switch(warehouse, built_by(folder / "target"))
    fill(warehouse.url, observations, days, days)
    day = build(warehouse, folder)
    built = built_by(folder / "target")
    published = switch(warehouse, built)
    caught_up = build(warehouse, folder, *CATCH_UP)
    with readers(warehouse):
        seconds = [switch(warehouse, built) for _ in range(SWITCHES)]
    return {
        f"build and tests of day {days}": f"{day.seconds:.1f} s ({day.processor:.1f} of processors)",
        "publication of it": f"{published * 1000:.0f} ms",
        "catching up": f"{caught_up.seconds:.1f} s ({caught_up.processor:.1f} of processors)",
        f"{SWITCHES} publications under readers, median": f"{statistics.median(seconds) * 1000:.0f} ms",
        "the longest of them": f"{max(seconds) * 1000:.0f} ms",
        "tables that people read": megabytes(warehouse, roles.MARTS),
        "retired tables": megabytes(warehouse, roles.MARTS_BUILD),
        "staging": megabytes(warehouse, "staging"),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--observations", type=int, default=5_000, help="of tracks, a day")
    parser.add_argument("--days", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postgres may run as another user
        with scratch_warehouse(folder) as warehouse:
            found = measure(warehouse, folder, options.observations, options.days)
    sys.stdout.write(f"{options.observations:,} track observations a day, {options.days} days.\n\n")
    sys.stdout.write("| what | cost |\n|---|--:|\n")
    sys.stdout.writelines(f"| {what} | {cost} |\n" for what, cost in found.items())


if __name__ == "__main__":
    main()
