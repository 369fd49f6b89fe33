"""Time a replay of many dates with both engines, on one machine, and compare their warehouses.

    make bench-replay        (python benchmarks/replay_benchmark.py --days 31 --albums 20 --workers 2)

It starts a Postgres and an object store of its own in a temporary folder and writes raw responses to it:
on each date each of `--sources` has the same `--albums` albums of 50 tracks, with other popularities. Each
engine is the command `spotify-pipeline replay` in a process of its own, start included: the local one with
`--workers` processes, Spark with `--master local[WORKERS]`. Both have the same processor, disk and Postgres,
so the ratio says what Spark's way of working costs or saves there, and nothing of what more machines would.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path

from benchmarks.raw_data import TRACKS, album, write_partition
from spotify_pipeline.connections import WAREHOUSE_OWNER, ConnectionInfo, variable_name
from spotify_pipeline.lake import Lake
from spotify_pipeline.warehouse.checksum import table_checksums
from spotify_pipeline.warehouse.connection import connect
from spotify_stack.scratch import scratch_lake, scratch_warehouse

FIRST_DAY = date(2026, 1, 1)
COMMAND = "from spotify_pipeline.cli.main import app; app()"
EMPTY = """
SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
WHERE schemaname = 'staging' OR schemaname = 'ops' AND tablename <> 'alembic_version'
"""


def write_raw(lake: Lake, options: argparse.Namespace) -> int:
    """Write the responses and manifests; return the number of track records."""
    for day in range(options.days):
        for source in range(options.sources):
            # neighbours share half of their albums
            first = source * options.albums // 2
            albums = [album(number, day) for number in range(first, first + options.albums)]
            bodies = ((f"/albums/{body['id']}", body) for body in albums)
            write_partition(lake, FIRST_DAY + timedelta(days=day), f"source-{source:02d}", "album", bodies)
    return int(options.days * options.sources * options.albums * TRACKS)


def replay(environment: Mapping[str, str], options: argparse.Namespace, *engine: str) -> float:
    """Return the seconds of one replay of all dates."""
    last = FIRST_DAY + timedelta(days=options.days - 1)
    command = [sys.executable, "-c", COMMAND, "replay", "--from", str(FIRST_DAY), "--to", str(last), *engine]
    begun = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - our own command
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - begun


def main() -> None:
    """Replay with each engine, into an empty warehouse and into a full one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("--sources", type=int, default=4)
    parser.add_argument("--albums", type=int, default=20, help="of each source and date, 50 tracks each")
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    engines = {
        "local": ("--workers", str(options.workers)),
        "spark": ("--engine", "spark", "--master", f"local[{options.workers},3]"),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postgres may run as another user
        with scratch_warehouse(folder) as warehouse, scratch_lake(folder) as store:
            known = [*warehouse.connections.values(), store]
            records = write_raw(Lake(store), options)
            print(f"{options.days} dates, {options.sources} sources, {records:,} track records", flush=True)
            compare(warehouse.connections[WAREHOUSE_OWNER], _variables(known), engines, options)


def compare(
    owner: ConnectionInfo,
    environment: Mapping[str, str],
    engines: Mapping[str, tuple[str, ...]],
    options: argparse.Namespace,
) -> None:
    """Print the seconds of each run, the medians and their ratio; fail if the warehouses differ."""
    seconds: dict[tuple[str, str], list[float]] = {}
    sums = {}
    for _ in range(options.runs):
        for engine, arguments in engines.items():
            with connect(owner) as conn:
                tables = conn.execute(EMPTY).fetchone() or ("",)
                conn.execute(f"TRUNCATE {tables[0]}".encode())
            for what in ("empty warehouse", "full warehouse"):
                took = replay(environment, options, *arguments)
                seconds.setdefault((what, engine), []).append(took)
                print(f"{what}  {engine}  {took:7.1f} s", flush=True)
            with connect(owner) as conn:
                sums[engine] = table_checksums(conn, schemas=("staging",))
    if sums["local"] != sums["spark"]:
        sys.exit("the engines gave different warehouses")
    print(
        f"both gave the same rows, {sums['local']['staging.track_observations']['rows']:,} track observations"
    )
    for what in ("empty warehouse", "full warehouse"):
        local, spark = (statistics.median(seconds[what, engine]) for engine in engines)
        print(
            f"{what}: local {local:.1f} s, spark {spark:.1f} s: {local / spark:.2f} times as fast with Spark"
        )


def _variables(known: list[ConnectionInfo]) -> dict[str, str]:
    return {
        variable_name(info.conn_id): json.dumps({k: v for k, v in asdict(info).items() if k != "conn_id"})
        for info in known
    }


if __name__ == "__main__":
    main()
