"""Time raw responses → validated records → staging beside dlt and a bare script, on one machine.

    make bench        (python -m benchmarks.peer_benchmark --tracks 50000 --runs 3)

The sides alternate on the same raw responses, object store and Postgres. Ours is `spotify-pipeline replay`
of one source and date: it checks each record, writes the validated objects and fills all staging tables. dlt
and the bare script write one table of tracks and check nothing. Two kinds of response: full albums with 50
simplified tracks, and pages of 50 full tracks of 2.5 kB. Each side is a process of its own, its start
included. Memory is the largest sum over its processes, shared memory counted once (PSS). Results go to
benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks.raw_data import TRACKS, album, full_tracks, write_partition
from spotify_pipeline.connections import ConnectionInfo, variable_name
from spotify_pipeline.lake import Lake
from spotify_stack.processes import PeakMemory, family, memory_of
from spotify_stack.scratch import ScratchWarehouse, scratch_lake, scratch_warehouse

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
DLT = ROOT / "build" / "peers" / "dlt" / "bin" / "python"
PARTITION = date(2026, 1, 1)
RESPONSES = {
    "album pages": ("album", "/albums", album),
    "full tracks": ("search", "/search", full_tracks),
}
# (side, times our seconds may be of its, times our memory)
AIMS = {"dlt": (1 / 3, 1 / 2), "bare script": (2.0, None)}
EMPTY = """
SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
WHERE schemaname = 'staging' OR schemaname = 'ops' AND tablename <> 'alembic_version'
"""


def measured(command: list[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Run a command to its end.

    Returns:
        Its seconds, and the peak of the memory of its processes in MB.
    """
    begun = time.perf_counter()
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
    return seconds, memory.peak / 1e6


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
    options = parser.parse_args()
    if not DLT.exists():
        print("dlt is not installed (make build/peers/dlt/.ready): it is left out", flush=True)
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postgres may run as another user
        with scratch_warehouse(folder) as warehouse, scratch_lake(folder) as store:
            for tracks in options.tracks:
                runs += compare(warehouse, store, tracks, options.runs)
    lines = summary(runs)
    print("\n".join(lines))
    RESULTS.mkdir(exist_ok=True)
    memory = psutil.virtual_memory().total / 2**30
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"
    result = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine, "runs": runs}
    (RESULTS / "load.json").write_text(json.dumps(result, indent=1) + "\n")


def compare(
    warehouse: ScratchWarehouse, store: ConnectionInfo, tracks: int, times: int
) -> list[dict[str, Any]]:
    """Run all sides in turn over both kinds of response; return seconds and megabytes of each run."""
    known = [*warehouse.connections.values(), store]
    environment = {
        variable_name(info.conn_id): json.dumps({k: v for k, v in asdict(info).items() if k != "conn_id"})
        for info in known
    }
    runs: list[dict[str, Any]] = []
    for responses, (kind, path, body) in RESPONSES.items():
        source = f"{kind}-{tracks}"
        bodies = ((f"{path}/{number}", body(number, 0)) for number in range(tracks // TRACKS))
        write_partition(Lake(store), PARTITION, source, kind, bodies)
        for _ in range(times):
            for side, command in sides(warehouse, store, source).items():
                empty(warehouse)
                seconds, megabytes = measured(command, environment)
                if (count := loaded(warehouse, side)) != tracks:
                    sys.exit(f"{side} wrote {count:,} tracks of {tracks:,}")
                print(f"{tracks:,} {responses}: {side:11}  {seconds:6.1f} s  {megabytes:6.0f} MB", flush=True)
                run = {"tracks": tracks, "responses": responses, "side": side}
                runs.append(run | {"seconds": round(seconds, 2), "megabytes": round(megabytes)})
    return runs


def summary(runs: list[dict[str, Any]]) -> list[str]:
    """Return a Markdown table of medians and ratios, with missed aims named."""
    lines = [
        "| tracks | responses | side | seconds | MB | ours / its seconds | ours / its MB | aim |",
        "| ---: | --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for tracks, responses in dict.fromkeys((run["tracks"], run["responses"]) for run in runs):
        here = [run for run in runs if (run["tracks"], run["responses"]) == (tracks, responses)]
        medians = {
            side: tuple(
                statistics.median(run[figure] for run in here if run["side"] == side)
                for figure in ("seconds", "megabytes")
            )
            for side in dict.fromkeys(run["side"] for run in here)
        }
        for side, (seconds, megabytes) in medians.items():
            cells = [f"{tracks:,}", responses, side, f"{seconds:.1f}", f"{megabytes:.0f}"]
            if side == "ours":
                cells += ["", "", ""]
            else:
                ratios = medians["ours"][0] / seconds, medians["ours"][1] / megabytes
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
