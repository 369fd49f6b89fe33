"""Time a replay of 31 dates with the local engine and with Spark on a standalone cluster of this machine.

    make bench-replay        (python benchmarks/replay_benchmark.py --records 100000 --executors 0 1 2 4)

It starts a Postgres, an object store and the cluster in a temporary folder, and writes raw responses: on
each date each of four sources has the same albums of 50 tracks, with other popularities. Each run is the
command `spotify-pipeline replay` into an empty warehouse, start included: the local engine with `--workers`
processes, Spark with executors of one core each. All share the cores of this machine, so the seconds say
little about a cluster. Processor seconds do: those of the command (with Spark: the driver), of the executors,
of Postgres and of the store. From the results of all sizes, in benchmarks/results/replay.json, the other
tables compute the time of machines on which each worker or executor has a core of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil

from benchmarks.raw_data import TRACKS, album, write_partition
from spotify_pipeline.connections import WAREHOUSE_OWNER, ConnectionInfo, variable_name
from spotify_pipeline.lake import Lake
from spotify_pipeline.warehouse.checksum import table_checksums
from spotify_pipeline.warehouse.connection import connect
from spotify_stack.scratch import scratch_lake, scratch_warehouse
from spotify_stack.spark_cluster import scratch_spark

FIRST_DAY = date(2026, 1, 1)
DAYS = 31
SOURCES = 4
RESULTS = Path(__file__).parent / "results" / "replay.json"
COMMAND = "from spotify_pipeline.cli.main import app; app()"
POLL_SECONDS = 0.5
# a process that the benchmark starts -> its part in the table
PARTS = {"postgres": "Postgres", "weed": "store", "java": "executors"}
SHOWN = ("command", "executors", "Postgres", "store")
EXECUTORS = (0, 1, 2, 4)
# of the machines for which times are computed
CORES = (2, 4, 16, 64)
# executors of the runs from which they are computed
COMPUTED = 2
SIZES = tuple(10**power for power in range(5, 10))
Run = dict[str, Any]
"""`records`, `executors`, `workers`, `seconds`, `processor` by part, and both at the end of each stage."""
STAGES = ("validating", "folding", "merging")
EMPTY = """
SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
WHERE schemaname = 'staging' OR schemaname = 'ops' AND tablename <> 'alembic_version'
"""


def write_raw(lake: Lake, albums: int) -> int:
    """Write the responses and manifests; return the number of track records."""
    for day in range(DAYS):
        for source in range(SOURCES):
            # neighbours share half of their albums
            first = source * albums // 2
            found = [album(number, day) for number in range(first, first + albums)]
            bodies = ((f"/albums/{body['id']}", body) for body in found)
            write_partition(lake, FIRST_DAY + timedelta(days=day), f"source-{source:02d}", "album", bodies)
    return DAYS * SOURCES * albums * TRACKS


def processor_seconds() -> dict[str, float]:
    """Return the processor seconds of each part so far."""
    used: dict[str, float] = defaultdict(float)
    for top in psutil.Process().children():
        with suppress(psutil.Error):
            part = PARTS.get(top.name(), "command")
            for process in (top, *top.children(recursive=True)):
                with suppress(psutil.Error):
                    # user, system, and those of children that have ended
                    used[part] += sum(process.cpu_times()[:4])
    return used


def replay(environment: Mapping[str, str], log: Path, *engine: str) -> Run:
    """Replay all dates; return the seconds, and the processor seconds by part and of Postgres by stage."""
    last = FIRST_DAY + timedelta(days=DAYS - 1)
    command = [sys.executable, "-c", COMMAND, "replay", "--from", str(FIRST_DAY), "--to", str(last), *engine]
    before, begun = processor_seconds(), time.perf_counter()
    stages: dict[str, dict[str, float]] = {}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, env=os.environ | environment, stdout=output, stderr=output
        )
    used: dict[str, float] = {}
    while process.poll() is None:
        now = processor_seconds()
        used = {part: max(now[part] - before.get(part, 0), used.get(part, 0)) for part in now}
        said = log.read_text(errors="replace")
        stage = max(("starting", *STAGES), key=said.rfind)
        stages[stage] = used | {"seconds": time.perf_counter() - begun}
        time.sleep(POLL_SECONDS)
    seconds = time.perf_counter() - begun
    if process.returncode:
        sys.exit(log.read_text(errors="replace"))
    return {"seconds": seconds, "processor": used, "stages": stages}


@contextmanager
def engine(folder: Path, executors: int, workers: int) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Yield options and environment of a replay: with Spark, or with the local engine for no executors."""
    if not executors:
        yield ["--workers", str(workers)], {}
        return
    own = folder / f"spark-{executors}"
    own.mkdir()
    with scratch_spark(own, workers=executors) as cluster:
        settings = {"SPOTIFY_PIPELINE_SPARK_CONF": json.dumps(cluster.conf)}
        yield ["--engine", "spark", "--master", cluster.master], settings


def measure(folder: Path, options: argparse.Namespace) -> Iterator[Run]:
    """Replay with each engine into an empty warehouse; fail if the warehouses differ."""
    with scratch_warehouse(folder) as warehouse, scratch_lake(folder) as store:
        known = [*warehouse.connections.values(), store]
        records = write_raw(Lake(store), round(options.records / DAYS / SOURCES / TRACKS))
        expected = None
        for executors in options.executors:
            with connect(warehouse.connections[WAREHOUSE_OWNER]) as conn:
                tables = conn.execute(EMPTY).fetchone() or ("",)
                conn.execute(f"TRUNCATE {tables[0]}".encode())
            with engine(folder, executors, options.workers) as (arguments, settings):
                run = replay(_variables(known) | settings, folder / "replay.log", *arguments)
            with connect(warehouse.connections[WAREHOUSE_OWNER]) as conn:
                sums = table_checksums(conn, schemas=("staging",))
            if sums != (expected or sums):
                sys.exit("the engines gave different warehouses")
            expected = sums
            yield {"records": records, "executors": executors, "workers": options.workers, **run}


def _variables(known: list[ConnectionInfo]) -> dict[str, str]:
    return {
        variable_name(info.conn_id): json.dumps({k: v for k, v in asdict(info).items() if k != "conn_id"})
        for info in known
    }


def print_measured(results: list[Run]) -> None:
    """Print the seconds and processor seconds of each run."""
    print("| records | engine | seconds | times local | command | executors | Postgres | store |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|")
    local = {run["records"]: run["seconds"] for run in results if not run["executors"]}
    for run in results:
        engine = (
            ("Spark, executors", run["executors"]) if run["executors"] else ("local, workers", run["workers"])
        )
        ratio = f"{run['seconds'] / local[run['records']]:.1f}" if run["records"] in local else ""
        used = " | ".join(f"{run['processor'].get(part, 0):.0f}" for part in SHOWN)
        print(f"| {run['records']:,} | {engine[0]}: {engine[1]} | {run['seconds']:.0f} | {ratio} | {used} |")


@dataclass(frozen=True)
class Cost:
    """Seconds of an engine: of each run, and of each record alone and shared by workers or executors."""

    start: float
    alone: float
    shared: float

    @classmethod
    def of(cls, run: Run, small: Run | None = None) -> Cost:
        """Return the cost by the processor seconds of a run, or by what it needs more than a smaller one."""
        alone, shared, records = _processor_seconds(run)
        if small is not None:
            less = _processor_seconds(small)
            alone, shared, records = alone - less[0], shared - less[1], records - less[2]
        start = run["stages"]["starting"]["seconds"] if run["executors"] else 0
        return cls(start, alone / records, shared / records)

    def seconds(self, records: int, cores: int) -> float:
        """Return the seconds of a replay with this number of workers or executors."""
        return self.start + records * (self.alone + self.shared / cores)


def _processor_seconds(run: Run) -> tuple[float, float, int]:
    """Return the processor seconds alone and shared, without the start of Spark, and the records."""
    used = run["processor"]
    if not run["executors"]:
        return used["Postgres"], used["command"], run["records"]
    started, folded = run["stages"]["starting"], run["stages"]["folding"]
    alone = used["command"] - started["command"] + used["Postgres"] - folded["Postgres"]
    return alone, used["executors"] - started["executors"], run["records"]


def print_computed(results: list[Run]) -> None:
    """Print the minutes of machines with enough cores, and the executors that are as fast as local workers.

    The assumptions favour Spark: work of Postgres for the local engine never overlaps with its workers, and
    for Spark only the merge counts.
    """
    local = [run for run in results if not run["executors"]]
    spark = [run for run in results if run["executors"] == COMPUTED]
    if not local or not spark:
        return
    _print_minutes("more loads of this size", Cost.of(local[-1]), Cost.of(spark[-1]))
    if len(local) > 1 and len(spark) > 1:
        _print_minutes("larger loads", Cost.of(local[-1], local[0]), Cost.of(spark[-1], spark[0]))


def _print_minutes(what: str, local: Cost, spark: Cost) -> None:
    for name, cost in (("local", local), ("Spark", spark)):
        print(
            f"{what}, {name}: {cost.start:.0f} s to start; processor seconds for a million records: "
            f"{cost.alone * 1e6:.0f} alone, {cost.shared * 1e6:.0f} shared"
        )
    columns = " | ".join(f"local {n} | Spark {n}" for n in CORES)
    print(f"| records | {columns} | executors as fast as 4 workers | as 16 |")
    print("|---:|" + "---:|" * (2 * len(CORES) + 2))
    for records in SIZES:
        minutes = [cost.seconds(records, n) / 60 for n in CORES for cost in (local, spark)]
        needed = []
        for workers in (4, 16):
            left = local.seconds(records, workers) - spark.start - records * spark.alone
            needed.append(str(math.ceil(records * spark.shared / left)) if left > 0 else "none")
        print(f"| {records:,} |", " | ".join([*(f"{value:,.1f}" for value in minutes), *needed]), "|")


def main() -> None:
    """Measure, add the results to those of other sizes, and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000, help="track records of all dates")
    parser.add_argument("--executors", type=int, nargs="*", default=EXECUTORS, help="0 is the local engine")
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1))
    options = parser.parse_args()
    results: list[Run] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postgres may run as another user
        for run in measure(folder, options) if options.executors else ():
            print(f"{run['executors']} executors: {run['seconds']:.1f} s", flush=True)
            same = (run["records"], run["executors"])
            results = [old for old in results if (old["records"], old["executors"]) != same] + [run]
            results.sort(key=lambda result: (result["records"], result["executors"]))
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print_measured(results)
    print_computed(results)


if __name__ == "__main__":
    main()
