"""Time `spotify_transform`, bare dbt and Cosmos as it comes, on one machine and one warehouse.

    make bench-transform        (python -m benchmarks.transform_benchmark --runs 1)

The warehouse holds three simulated days, which `spotify_transform` has built and published once. Each side
then builds and tests the same dbt project over it, with no new load in between:

- ours: the DAG `spotify_transform`, with workers that are warm, its publication and documentation included;
- bare dbt: `dbt build` on the command line, with Airflow stopped;
- Cosmos LOCAL and Cosmos WATCHER: the DAGs of benchmarks/peers/dags in the same Airflow, without our
  plugins and settings, so with workers that are cold.

Seconds are those from start to end of the run. Core-seconds are the processor time of all processes of the
side meanwhile; other programs hardly change them, and what those took is printed too. Results go to
benchmarks/results/transform.json.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import psycopg

from benchmarks.figures import ROOT, Aim, aims_table, write_results
from benchmarks.year_benchmark import START, fill
from spotify_stack import airflow_environment, processes, services
from spotify_stack.airflow_api import AirflowApi
from spotify_stack.demo import HOUR_OF_RUN
from spotify_stack.health import NotReady, wait_until
from spotify_stack.paths import StackPaths
from spotify_stack.stack import STOP_SECONDS, Stack, Wanted
from spotify_stack.state import SERVICE_VARIABLE, STACK_VARIABLE, SandboxOptions, StackState
from spotify_stack.supervision import Supervisor

PEER_DAGS = ROOT / "benchmarks" / "peers" / "dags"
TRANSFORM = "spotify_transform"
# simulated days in the warehouse, and observations of tracks a day
DAYS, OBSERVATIONS = 3, 5_000
OURS, BARE, LOCAL, WATCHER = "ours", "bare dbt", "Cosmos LOCAL", "Cosmos WATCHER"
DAGS = {OURS: TRANSFORM, LOCAL: "cosmos_local", WATCHER: "cosmos_watcher"}
# times the seconds of the one may be those of the other
RATIOS = {
    (OURS, BARE): {"at_most": 2.5},
    (LOCAL, OURS): {"at_least": 5.0},
    (WATCHER, OURS): {"at_least": 1.5},
}
MAX_CORE_SECONDS = 75
RUN_SECONDS = 600
# what the core-seconds are reported by, and the services of each
PARTS = {
    "scheduler and tasks": (services.SCHEDULER,),
    "DAG processor": (services.DAG_PROCESSOR,),
    "API server": (services.API_SERVER,),
    "triggerer": (services.TRIGGERER,),
    "Postgres": (services.METADATA, services.WAREHOUSE),
    "object store": (services.STORE,),
}


@dataclass(frozen=True)
class Run:
    """One measured run.

    Attributes:
        side: Which of the four.
        seconds: From start to end.
        tasks: Airflow tasks.
        core_seconds: Processor time by part.
        elsewhere: Processor time of all other programs of the machine meanwhile.
    """

    side: str
    seconds: float
    tasks: int
    core_seconds: dict[str, float]
    elsewhere: float


class Meter:
    """Measures processor time from its creation on, of the stack and of the machine."""

    def __init__(self, paths: StackPaths) -> None:
        self._paths = paths
        self._stack, self._machine = _of_stack(paths), _of_machine()
        self._children = _of_children()

    def run(self, side: str, seconds: float, tasks: int = 0) -> Run:
        """Return the run that has just ended, its own commands included."""
        parts = {part: used - self._stack[part] for part, used in _of_stack(self._paths).items()}
        parts["commands"] = _of_children() - self._children
        elsewhere = _of_machine() - self._machine - sum(parts.values())
        shown = {part: round(used, 1) for part, used in parts.items() if used >= 0.1}
        return Run(side, round(seconds, 1), tasks, shown, round(max(elsewhere, 0), 1))


def _of_stack(paths: StackPaths) -> dict[str, float]:
    """Return the processor seconds of the stack so far, by part; those of ended processes included."""
    return {
        part: sum(_used(process) for name in names for process in processes.of_stack(paths, service=name))
        for part, names in PARTS.items()
    }


def _used(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0


def _of_machine() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def run_dag(state: StackState, side: str) -> Run:
    """Trigger the DAG of a side, and measure until it has ended.

    Raises:
        NotReady: Airflow does not know the DAG, or the run has not ended in time.
    """
    dag_id = DAGS[side]
    with AirflowApi(state.airflow_url, patience=60) as api:

        def known() -> None:
            if dag_id not in {dag["dag_id"] for dag in api.dags()}:
                raise NotReady(f"{api.import_errors() or 'it is not parsed yet'}")

        wait_until(known, timeout=120, what=dag_id, poll=1)
        meter = Meter(state.paths)
        run_id = api.trigger(dag_id, str(START) if side == OURS else None)

        def ended() -> None:
            if (found := api.run(dag_id, run_id)["state"]) not in {"success", "failed"}:
                raise NotReady(f"it is {found}")

        wait_until(ended, timeout=RUN_SECONDS, what=f"the run of {dag_id}", poll=0.5)
        run, tasks = api.run(dag_id, run_id), api.tasks(dag_id, run_id)
        if run["state"] == "failed":
            failed = [task["task_id"] for task in tasks if task["state"] == "failed"]
            sys.exit(f"{dag_id} failed in {', '.join(failed)}: see {state.paths.airflow_home / 'logs'}")
        begun, end = (datetime.fromisoformat(run[name]) for name in ("start_date", "end_date"))
        return meter.run(side, (end - begun).total_seconds(), len(tasks))


def run_dbt(state: StackState) -> Run:
    """Run `dbt build` as a person would, and measure it."""
    project, target = str(ROOT / "dbt"), str(state.paths.root / "bare-target")
    command = [str(Path(sys.executable).parent / "dbt"), "--quiet", "build", "--target", "build"]
    command += ["--project-dir", project, "--profiles-dir", project, "--target-path", target]
    command += ["--exclude", "resource_type:unit_test"]
    environment = airflow_environment.inherited() | airflow_environment.environment(state)
    meter, begun = Meter(state.paths), time.perf_counter()
    subprocess.run(command, env=environment, check=True)  # noqa: S603 - our own command
    return meter.run(BARE, time.perf_counter() - begun)


@contextmanager
def airflow_as_it_comes(state: StackState) -> Iterator[None]:
    """Run Airflow with the DAGs of the peers, without our plugins and without what warms its workers."""
    nothing = state.paths.root / "no-plugins"
    nothing.mkdir(exist_ok=True)
    changes = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(PEER_DAGS),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(nothing),
        "PYTHONPATH": "",
        # Airflow's own; a busy machine kills the one process of dbt in WATCHER mode after our 30 s
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "300",
    }
    everything = services.all_services(state)
    with ExitStack() as started:
        for name in services.AIRFLOW:
            marks = {STACK_VARIABLE: str(state.paths.root), SERVICE_VARIABLE: name}
            server = processes.running(
                everything[name].command,
                check=everything[name].check,
                log=state.paths.log(name),
                what=name,
                environment={**everything[name].environment, **changes, **marks},
                timeout=everything[name].start_seconds,
            )
            started.enter_context(server)
        yield


def filled(stack: Stack) -> StackState:
    """Start a stack without scheduled runs, fill its warehouse, and publish it once."""
    last = START + timedelta(days=DAYS - 1)
    # scheduled runs of today end at once, because the API's date is another one
    options = SandboxOptions(clock=f"{last.isoformat()}{HOUR_OF_RUN}")
    state = stack.up(Wanted(options, own_app=""))
    with AirflowApi(state.airflow_url) as api:
        for dag in api.dags():
            if dag["dag_id"] != TRANSFORM:
                api.pause(dag["dag_id"])
    url = services.warehouse_postgres(state).url(airflow_environment.WAREHOUSE_DATABASE)
    fill(url, OBSERVATIONS, 1, DAYS)
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE ops.load SET finished_at = now()")  # else its freshness fails
    run_dag(state, OURS)
    return state


def measure(folder: Path, times: int) -> Iterator[Run]:
    """Fill a warehouse in `folder`, and yield the runs of all sides."""
    stack = Stack(StackPaths(folder / "stack"), report=print)
    try:
        state = filled(stack)
        for _ in range(times):
            yield run_dag(state, OURS)
        Supervisor(state).stop(services.AIRFLOW, timeout=STOP_SECONDS)
        run_dbt(state)  # the first run parses the project
        for _ in range(times):
            yield run_dbt(state)
        with airflow_as_it_comes(state):
            for side in (WATCHER, LOCAL):
                for _ in range(times):
                    yield run_dag(state, side)
    finally:
        stack.down()


def summary(runs: list[Run]) -> list[str]:
    """Return the tables of medians and of ratios, in Markdown."""
    parts = list(dict.fromkeys(part for run in runs for part in run.core_seconds))
    lines = [f"| side | tasks | seconds | core-seconds | {' | '.join(parts)} | other programs |"]
    lines.append(f"| --- |{' ---: |' * (len(parts) + 4)}")
    seconds, cores = {}, {}
    for side in dict.fromkeys(run.side for run in runs):
        here = [run for run in runs if run.side == side]
        seconds[side] = statistics.median(run.seconds for run in here)
        used = {part: statistics.median(run.core_seconds.get(part, 0) for run in here) for part in parts}
        cores[side] = sum(used.values())
        cells = [side, str(here[0].tasks or ""), f"{seconds[side]:.1f}", f"{cores[side]:.0f}"]
        cells += [f"{used[part]:.1f}" for part in parts]
        cells.append(f"{statistics.median(run.elsewhere for run in here):.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    aims = [
        Aim(f"seconds, {one} / {other}", seconds[one] / seconds[other], **bound)
        for (one, other), bound in RATIOS.items()
        if {one, other} <= seconds.keys()
    ]
    if OURS in cores:
        aims.append(Aim("core-seconds, ours", cores[OURS], at_most=MAX_CORE_SECONDS))
    return [*lines, "", *aims_table(aims)]


def main() -> None:
    """Print each run, then the tables; write the runs to benchmarks/results/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=1, help="of each side")
    options = parser.parse_args()
    airflow_environment.isolate()
    runs: list[Run] = []
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # Postgres may run as another user
        try:
            for run in measure(Path(name), options.runs):
                runs.append(run)
                total, others = sum(run.core_seconds.values()), f"other programs {run.elsewhere:.0f}"
                print(f"{run.side:15} {run.seconds:6.1f} s, {total:.0f} core-seconds, {others}", flush=True)
        finally:  # an interrupted benchmark keeps what it has measured
            print("\n".join(summary(runs)))
            write_results("transform.json", [asdict(run) for run in runs])


if __name__ == "__main__":
    main()
