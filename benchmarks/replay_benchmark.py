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
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from spotify_pipeline.connections import WAREHOUSE_OWNER, ConnectionInfo, variable_name
from spotify_pipeline.lake import Lake, Manifest, RawObject, keys
from spotify_pipeline.lake.manifest import sha256
from spotify_pipeline.warehouse.checksum import table_checksums
from spotify_pipeline.warehouse.connection import connect
from spotify_stack.scratch import scratch_lake, scratch_warehouse

FIRST_DAY = date(2026, 1, 1)
TRACKS = 50
COMMAND = "from spotify_pipeline.cli.main import app; app()"
EMPTY = """
SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
WHERE schemaname = 'staging' OR schemaname = 'ops' AND tablename <> 'alembic_version'
"""


def album(number: int, day: int) -> dict[str, Any]:
    """Return a full album with its first page of tracks, as Spotify does."""
    artist = {"id": f"artist{number // 2:016d}", "name": f"Artist {number // 2}", "type": "artist"}
    tracks = [
        {
            "id": f"track{number:013d}{place:04d}",
            "name": f"Track {place} of album {number}, day {(day + place) // 7}",
            "type": "track",
            "artists": [artist],
            "disc_number": 1,
            "track_number": place,
            "duration_ms": 200_000 + place,
            "explicit": False,
            "is_local": False,
        }
        for place in range(1, TRACKS + 1)
    ]
    return {
        "id": f"album{number:017d}",
        "name": f"Album {number}",
        "type": "album",
        "album_type": "album",
        "artists": [artist],
        "images": [],
        "release_date": "2020-01-31",
        "release_date_precision": "day",
        "total_tracks": TRACKS,
        "popularity": (number + day) % 101,
        "label": "Label",
        "tracks": {
            "items": tracks,
            "limit": 50,
            "offset": 0,
            "next": None,
            "previous": None,
            "total": TRACKS,
        },
    }


def write_raw(lake: Lake, options: argparse.Namespace) -> int:
    """Write the responses and manifests; return the number of track records."""
    for day in range(options.days):
        partition = FIRST_DAY + timedelta(days=day)
        observed_at = datetime(partition.year, partition.month, partition.day, 3, tzinfo=UTC)
        for source in range(options.sources):
            name = f"source-{source:02d}"
            # neighbours share half of their albums
            first = source * options.albums // 2
            objects = tuple(
                _store(lake, observed_at, name, album(number, day))
                for number in range(first, first + options.albums)
            )
            manifest = Manifest(partition, name, "album", sha256(name.encode()), True, objects)
            lake.put(manifest.key, manifest.to_bytes())
    return int(options.days * options.sources * options.albums * TRACKS)


def _store(lake: Lake, observed_at: datetime, source: str, body: dict[str, Any]) -> RawObject:
    path = f"/albums/{body['id']}"
    key = keys.raw_key(observed_at.date(), source, "album", method="GET", path=path, query={})
    data = orjson.dumps(body)
    lake.put(key, data)
    digest = sha256(data)
    return RawObject(key, "album", "GET", path, {}, body["id"], 200, observed_at, digest, len(data))


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
