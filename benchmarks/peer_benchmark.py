"""Time raw responses → validated records → staging, and the same with dlt and a bare script, on one machine.

    make bench          (python -m benchmarks.peer_benchmark --tracks 50000 --runs 3)
    make bench-growth   (50,000 and 500,000 tracks in album pages, one run each, without dlt)

The sides alternate on the same raw responses, object store and Postgres. Ours is `spotify-pipeline replay`
of one source and date: it checks each record, writes the validated objects and fills all staging tables. dlt
and the bare script write one table of tracks and check nothing. Two kinds of response: full albums with 50
simplified tracks, and pages of 50 full tracks of 2.5 kB. Each side is a process of its own, its start
included. Memory is the largest sum over its processes, shared memory counted once (PSS). Results go to
benchmarks/results/.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.figures import ROOT, Aim, aims_table, write_results
from benchmarks.raw_data import TRACKS, album, full_tracks, write_partition
from benchmarks.year_benchmark import postgres_seconds
from spotify_pipeline.connections import ConnectionInfo, variable_name
from spotify_pipeline.lake import Lake
from spotify_stack.processes import PeakMemory, family, memory_of
from spotify_stack.scratch import ScratchWarehouse, scratch_lake, scratch_warehouse

DLT = ROOT / "build" / "peers" / "dlt" / "bin" / "python"
PARTITION = date(2026, 1, 1)
RESPONSES = {
    "album pages": ("album", "/albums", album),
    "full tracks": ("search", "/search", full_tracks),
}
# (side, times our seconds may be of its, times our memory)
AIMS = {"dlt": (1 / 3, 1 / 2), "bare script": (2.0, None)}
# times the seconds, and the memory, of ten times as many tracks
GROWTH = (10.5, 1.1)
EMPTY = """
SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
WHERE schemaname = 'staging' OR schemaname = 'ops' AND tablename <> 'alembic_version'
"""


@dataclass(frozen=True)
class Cost:
    """What one run of a side cost.

    Attributes:
        seconds: From the start of its process to the end.
        core_seconds: Processor time of its processes and of Postgres; other programs hardly change it.
        megabytes: Peak memory of its processes.
    """

    seconds: float
    core_seconds: float
    megabytes: int


def measured(command: list[str], environment: Mapping[str, str], warehouse: ScratchWarehouse) -> Cost:
    """Run a command to its end."""
    used, begun = _core_seconds(warehouse), time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT
        )
        with PeakMemory(lambda: memory_of(family(process.pid)), interval=0.1) as memory:
            process.wait()
        seconds = time.perf_counter() - begun
        if process.returncode:
            output.seek(0)
            sys.exit(f"{command} failed:\n{output.read().decode()}")
    used = _core_seconds(warehouse) - used
    return Cost(round(seconds, 2), round(used, 2), round(memory.peak / 1e6))


def _core_seconds(warehouse: ScratchWarehouse) -> float:
    times = os.times()
    return times.children_user + times.children_system + postgres_seconds(warehouse)


def sides(warehouse: ScratchWarehouse, store: ConnectionInfo, source: str) -> dict[str, list[str]]:
    """Return the command of each side for one source."""
    given = json.dumps(
        {
            "endpoint": f"http://{store.host}:{store.port}",
            "bucket": store.schema,
            "prefix": f"raw/ingest_date={PARTITION}/source={source}/",
            "key": store.login,
            "secret": store.password,
            "database": warehouse.url,
        }
    )
    ours = "from spotify_pipeline.cli.main import app; app()"
    days = ["--from", str(PARTITION), "--to", str(PARTITION)]
    found = {
        "ours": [sys.executable, "-c", ours, "replay", *days, "--source", source],
        "bare script": [sys.executable, "-m", "benchmarks.peers.bare_script", given],
    }
    if DLT.exists():
        found["dlt"] = [str(DLT), str(ROOT / "benchmarks/peers/dlt_load.py"), given]
    return found


def empty(warehouse: ScratchWarehouse) -> None:
    """Remove what the sides have written."""
    with psycopg.connect(warehouse.url) as conn:
        tables = conn.execute(EMPTY).fetchone() or ("",)
        conn.execute(f"TRUNCATE {tables[0]}".encode())
        for schema in ("bare", "dlt_peer", "dlt_peer_staging"):
            conn.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())


def loaded(warehouse: ScratchWarehouse, side: str) -> int:
    """Return how many tracks a side has written."""
    table = {"ours": "staging.tracks", "bare script": "bare.track", "dlt": "dlt_peer.track"}[side]
    with psycopg.connect(warehouse.url) as conn:
        [(count,)] = conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()  # noqa: S608 - names of ours
    return int(count)


def main() -> None:
    """Print each run, then the medians and the ratios; write them to benchmarks/results/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tracks", type=int, nargs="+", default=[50_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--responses", nargs="+", choices=RESPONSES, default=list(RESPONSES))
    parser.add_argument("--peers", nargs="*", choices=AIMS, default=list(AIMS))
    parser.add_argument("--results", default="load.json", help="file of benchmarks/results/")
    options = parser.parse_args()
    if "dlt" in options.peers and not DLT.exists():
        print("dlt is not installed (make build/peers/dlt/.ready): it is left out", flush=True)
    runs = compare(options.tracks, options.runs, responses=options.responses, peers=options.peers)
    print("\n".join([*summary(runs), *growth(runs)]))
    write_results(options.results, runs)


def compare(
    sizes: Iterable[int],
    times: int,
    *,
    responses: Collection[str] = tuple(RESPONSES),
    peers: Collection[str] = tuple(AIMS),
) -> list[dict[str, Any]]:
    """Run ours and the peers in turn, on scratch servers.

    Args:
        sizes: Numbers of tracks.
        times: Runs of each side.
        responses: Kinds of response.
        peers: Peers to run; one that is not installed is left out.

    Returns:
        The cost of each run.
    """
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postgres may run as another user
        with scratch_warehouse(folder) as warehouse, scratch_lake(folder) as store:
            for tracks, kind in itertools.product(sizes, responses):
                commands = sides(warehouse, store, write_responses(store, tracks, kind))
                for side in [side for _ in range(times) for side in commands if side in {"ours", *peers}]:
                    empty(warehouse)
                    cost = measured(commands[side], environment(warehouse, store), warehouse)
                    if (count := loaded(warehouse, side)) != tracks:
                        sys.exit(f"{side} wrote {count:,} tracks of {tracks:,}")
                    figures = f"{cost.seconds:6.1f} s ({cost.core_seconds:.1f} core-s)  {cost.megabytes:4} MB"
                    print(f"{tracks:,} {kind}: {side:11} {figures}", flush=True)
                    runs.append({"tracks": tracks, "responses": kind, "side": side} | asdict(cost))
    return runs


def environment(warehouse: ScratchWarehouse, store: ConnectionInfo) -> dict[str, str]:
    """Return the variables of the connections that ours uses."""
    return {
        variable_name(info.conn_id): json.dumps({k: v for k, v in asdict(info).items() if k != "conn_id"})
        for info in (*warehouse.connections.values(), store)
    }


def write_responses(store: ConnectionInfo, tracks: int, responses: str) -> str:
    """Write raw responses with so many tracks, and return the name of their source."""
    kind, path, body = RESPONSES[responses]
    source = f"{kind}-{tracks}"
    bodies = ((f"{path}/{number}", body(number, 0)) for number in range(tracks // TRACKS))
    write_partition(Lake(store), PARTITION, source, kind, bodies)
    return source


def medians(runs: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """Return the median seconds and megabytes of each side."""
    return {
        side: (
            statistics.median(run["seconds"] for run in runs if run["side"] == side),
            statistics.median(run["megabytes"] for run in runs if run["side"] == side),
        )
        for side in dict.fromkeys(run["side"] for run in runs)
    }


def growth(runs: list[dict[str, Any]]) -> list[str]:
    """Return a Markdown table of what ten times as many tracks cost, if two such sizes were measured."""
    aims = []
    for responses in dict.fromkeys(run["responses"] for run in runs):
        cost = {
            tracks: medians([r for r in runs if (r["tracks"], r["responses"]) == (tracks, responses)])["ours"]
            for tracks in dict.fromkeys(run["tracks"] for run in runs)
        }
        for tracks in cost.keys() & {10 * size for size in cost}:
            aims += [
                Aim(
                    f"{what} of {tracks:,} / {tracks // 10:,} tracks, {responses}", more / less, at_most=bound
                )
                for what, more, less, bound in zip(
                    ("seconds", "memory"), cost[tracks], cost[tracks // 10], GROWTH, strict=True
                )
            ]
    return ["", *aims_table(aims)] if aims else []


def summary(runs: list[dict[str, Any]]) -> list[str]:
    """Return a Markdown table of medians and ratios, with missed aims named."""
    lines = [
        "| tracks | responses | side | seconds | MB | ours / its seconds | ours / its MB | aim |",
        "| ---: | --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for tracks, responses in dict.fromkeys((run["tracks"], run["responses"]) for run in runs):
        here = [run for run in runs if (run["tracks"], run["responses"]) == (tracks, responses)]
        found = medians(here)
        for side, (seconds, megabytes) in found.items():
            cells = [f"{tracks:,}", responses, side, f"{seconds:.1f}", f"{megabytes:.0f}"]
            if side == "ours":
                cells += ["", "", ""]
            else:
                ratios = found["ours"][0] / seconds, found["ours"][1] / megabytes
                met = [aim is None or ratio <= aim for ratio, aim in zip(ratios, AIMS[side], strict=True)]
                wanted = " and ".join(
                    f"{what} ≤ {aim:.2f}"
                    for what, aim in zip(("seconds", "MB"), AIMS[side], strict=True)
                    if aim is not None
                )
                cells += [f"{ratio:.2f}" for ratio in ratios]
                cells.append(f"{wanted}: {'met' if all(met) else 'missed'}")
            lines.append(f"| {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
