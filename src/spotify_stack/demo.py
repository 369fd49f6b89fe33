"""The demo: runs some days through the scheduler, one after the other."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID

from spotify_pipeline.errors import PipelineError
from spotify_pipeline.lake.keys import REPORTS, partition_prefix
from spotify_sandbox.control import SandboxControl
from spotify_stack import demo_sources, summary
from spotify_stack.airflow_api import AirflowApi
from spotify_stack.celery_workers import LOGS_FOLDER
from spotify_stack.health import NotReady, wait_until
from spotify_stack.state import StackState

INGEST, TRANSFORM, REPORT = CHAIN = ("spotify_ingest", "spotify_transform", "spotify_report")
LISTENING = "spotify_listening"
HOUR_OF_RUN = "T06:00:00Z"
# an asset event starts a run within seconds, or never
HANDOVER_SECONDS = 180
RUN_SECONDS = 1800
POLL_SECONDS = 1.0
# counting the tasks of a run costs the API server more than its state
COUNT_SECONDS = 5.0
# how long a busy machine may not respond before the demo ends; the runs go on meanwhile
PATIENCE_SECONDS = 600
SCHEDULED_RUN_SECONDS = 60


class Demo:
    """Runs partitions on a running stack, whose sandbox already serves the right catalogue."""

    def __init__(
        self, state: StackState, console: Console, output: Path, bar: Callable[[str], Progress]
    ) -> None:
        """Prepare a demo.

        Args:
            state: The running stack.
            console: Prints progress.
            output: Folder of summary.json and the reports.
            bar: Makes a progress bar that counts in the unit it is given.
        """
        self._state = state
        self._console = console
        self._output = output
        self._bar = bar

    def run(self, days: list[date]) -> dict[str, Any]:
        """Run the partitions and write summary.json and the reports.

        Returns:
            Content of summary.json.

        Raises:
            PipelineError: a DAG run failed, was skipped or did not end in time; the message names the task
                and its log.
        """
        self._output.mkdir(parents=True, exist_ok=True)
        for stale in [*self._output.glob("report*.html"), self._output / "summary.json"]:
            stale.unlink(missing_ok=True)
        with AirflowApi(self._state.airflow_url, patience=PATIENCE_SECONDS) as api:
            self._require_dags(api)
            with self._listening_by_hand(api):
                runs = [self._partition(api, day) for day in days]
            if self._state.user_token is not None:
                self._console.print(f"  {LISTENING} is paused now: unpause it to listen every hour")
            if days[-1] == datetime.now(UTC).date():
                # the real time again, so that tomorrow's scheduled run finds its date
                self._set_clock(datetime.now(UTC).isoformat())
            report = self._copy_reports(days)
            content = summary.collect(self._state, api, runs, report)
        (self._output / "summary.json").write_text(json.dumps(content, indent=2) + "\n")
        return content

    def _require_dags(self, api: AirflowApi) -> None:
        known = {dag["dag_id"] for dag in api.dags()}
        wanted = CHAIN if self._state.user_token is None else (LISTENING, *CHAIN)
        if missing := [dag_id for dag_id in wanted if dag_id not in known]:
            errors = "; ".join(f"{file}: {message}" for file, message in api.import_errors().items())
            raise PipelineError(f"Airflow has no DAG {', '.join(missing)}: {errors or 'see make status'}")
        for dag_id in CHAIN:
            api.unpause(dag_id)

    @contextmanager
    def _listening_by_hand(self, api: AirflowApi) -> Iterator[None]:
        """Unpause the hourly DAG of a logged-in user for the demo, which triggers it once per day.

        Its scheduled runs would load the plays of other hours, so the tables would depend on the time of day.
        """
        if self._state.user_token is not None:
            api.unpause(LISTENING)
        try:
            yield
        finally:
            if self._state.user_token is not None:
                api.pause(LISTENING)

    def _set_clock(self, moment: str) -> None:
        with SandboxControl(self._state.sandbox_url) as control:
            control.set_clock(moment)
        # a restarted sandbox starts at this moment
        self._state = replace(self._state, sandbox=replace(self._state.sandbox, clock=moment))
        self._state.save()

    def _partition(self, api: AirflowApi, day: date) -> summary.PartitionRun:
        done = summary.PartitionRun(day)
        key = day.isoformat()
        if day == datetime.now(UTC).date():
            let_scheduled_run_pass(api, key)
        self._set_clock(f"{key}{HOUR_OF_RUN}")
        entries = demo_sources.of_sandbox(self._state)
        demo_sources.write(self._state, entries)
        done.sources = [entry["name"] for entry in entries]
        with SandboxControl(self._state.sandbox_url) as control, self._progress(key) as show:
            if self._state.user_token is not None:
                self._ended(api, day, LISTENING, api.trigger(LISTENING), show)
            before = control.calls(recent=1).last_number
            run_id = api.trigger(INGEST, key)
            for dag_id, following in zip(CHAIN, (*CHAIN[1:], None), strict=True):
                run = self._ended(api, day, dag_id, run_id, show)
                done.run_ids[dag_id] = run_id
                done.states[dag_id] = run["state"]
                done.seconds[dag_id] = _seconds(run["start_date"], run["end_date"])
                if dag_id == INGEST:
                    done.api_calls = control.calls(since=before, recent=1).api_total
                if following is not None:
                    run_id = self._next_run(api, done, dag_id, following)
        took = ", ".join(f"{dag_id} {done.seconds[dag_id]:.0f} s" for dag_id in CHAIN)
        self._console.print(f"  {key}: {took}; {done.api_calls} calls of the Web API", soft_wrap=True)
        return done

    def _ended(
        self, api: AirflowApi, day: date, dag_id: str, run_id: str, show: Callable[[str, int, int], None]
    ) -> dict[str, Any]:
        """Wait until a run has succeeded, and return it."""
        deadline = time.monotonic() + RUN_SECONDS
        counted = 0.0
        while True:
            run = api.run(dag_id, run_id)
            has_ended = run["state"] in {"success", "failed"}
            if has_ended or time.monotonic() - counted >= COUNT_SECONDS:
                show(dag_id, *api.count_tasks(dag_id, run_id))
                counted = time.monotonic()
            if has_ended:
                break
            if time.monotonic() > deadline:
                raise PipelineError(
                    f"{dag_id} of {day} did not end within {RUN_SECONDS // 60} minutes: "
                    f"look at {self._url(dag_id, run_id)}"
                )
            time.sleep(POLL_SECONDS)
        if run["state"] == "failed":
            raise PipelineError(self._failure(api, day, dag_id, run_id))
        return run

    def _next_run(self, api: AirflowApi, done: summary.PartitionRun, dag_id: str, following: str) -> str:
        """Return the id of the run that the run of `dag_id` started; a partition may have older runs."""
        begun = datetime.fromisoformat(api.run(dag_id, done.run_ids[dag_id])["start_date"])
        found: list[str] = []

        def check() -> None:
            runs = api.runs(following, done.day.isoformat(), queued_after=begun)
            if not runs:
                raise NotReady(f"no run of {following} has started")
            found.append(str(runs[-1]["dag_run_id"]))

        def given_up() -> str | None:
            skipped = [task for task in api.tasks(dag_id, done.run_ids[dag_id]) if task["state"] == "skipped"]
            if not skipped:
                return None
            return f"{skipped[0]['task_id']} was skipped, see {task_log(self._state, dag_id, skipped[0])}"

        what = f"{following} of {done.day}"
        # tasks of the transform are skipped if nothing is new, and it publishes all the same
        may_skip = given_up if dag_id == INGEST else None
        wait_until(check, timeout=HANDOVER_SECONDS, what=what, given_up=may_skip, poll=POLL_SECONDS)
        return found[-1]

    def _failure(self, api: AirflowApi, day: date, dag_id: str, run_id: str) -> str:
        """Return one sentence with the first failed task, its last error and its log."""
        failed = [task for task in api.tasks(dag_id, run_id) if task["state"] == "failed"]
        if not failed:
            return f"{dag_id} of {day} failed without a failed task: look at {self._url(dag_id, run_id)}"
        first = min(failed, key=lambda task: task["end_date"] or "")
        log = task_log(self._state, dag_id, first)
        if self._state.workers:
            bring_log(self._state, log)
        return f"{dag_id} of {day} failed in task {first['task_id']}: {last_error(log)} (log: {log})"

    def _url(self, dag_id: str, run_id: str) -> str:
        return f"{self._state.airflow_url}/dags/{dag_id}/runs/{run_id}"

    def _copy_reports(self, days: list[date]) -> Path:
        lake = summary.lake(self._state)
        for day in days:
            page = lake.get(f"{partition_prefix(REPORTS, day)}report.html").data
            (self._output / f"report-{day.isoformat()}.html").write_bytes(page)
        last = self._output / "report.html"
        shutil.copyfile(self._output / f"report-{days[-1].isoformat()}.html", last)
        return last

    @contextmanager
    def _progress(self, key: str) -> Iterator[Callable[[str, int, int], None]]:
        bars: dict[str, TaskID] = {}
        with self._bar("tasks") as progress:

            def show(dag_id: str, ended: int, total: int) -> None:
                if dag_id not in bars:
                    bars[dag_id] = progress.add_task(f"{key} {dag_id}", total=total)
                progress.update(bars[dag_id], completed=ended, total=total)

            yield show


def clock_at_start(first: date, *, today: date | None = None) -> str:
    """Return the moment at which the sandbox starts: before today, see `let_scheduled_run_pass`."""
    yesterday = (today or datetime.now(UTC).date()) - timedelta(days=1)
    return f"{min(first, yesterday).isoformat()}{HOUR_OF_RUN}"


def let_scheduled_run_pass(api: AirflowApi, key: str) -> None:
    """Wait, for at most a minute, until the run of today that a new Airflow starts by itself has ended.

    It is skipped while the sandbox is at another date. Otherwise it would fetch the data of today next to the
    run of the demo, which would find nothing to do.
    """

    def check() -> None:
        due = api.dag(INGEST)["next_dagrun_run_after"]
        if due is not None and datetime.fromisoformat(due) <= datetime.now(UTC):
            raise NotReady("the scheduler has not started the run that is due")
        if any(run["state"] in {"queued", "running"} for run in api.runs(INGEST, key)):
            raise NotReady("it has not ended")

    with suppress(NotReady):
        wait_until(check, timeout=SCHEDULED_RUN_SECONDS, what="the scheduled run", poll=POLL_SECONDS)


def partitions(first: date | None, days: int, *, today: date | None = None) -> list[date]:
    """Return the dates to run: `days` from `first` on; by default, the last is today in UTC."""
    last = today or datetime.now(UTC).date()
    begin = first or last - timedelta(days=days - 1)
    return [begin + timedelta(days=number) for number in range(days)]


def _seconds(begin: str | None, end: str | None) -> float:
    if not begin or not end:
        return 0.0
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds(), 1)


def task_log(state: StackState, dag_id: str, task: Mapping[str, Any]) -> Path:
    """Return the path of the log of the last attempt of a task instance."""
    folder = state.paths.airflow_home / "logs" / f"dag_id={dag_id}" / f"run_id={task['dag_run_id']}"
    folder /= f"task_id={task['task_id']}"
    if task["map_index"] >= 0:
        folder /= f"map_index={task['map_index']}"
    return folder / f"attempt={task['try_number']}.log"


def bring_log(state: StackState, log: Path) -> None:
    """Copy the log of a task from the object store, where Celery workers write it, to its path in the stack.

    The log of a worker that was killed is nowhere.
    """
    key = f"{LOGS_FOLDER}/{log.relative_to(state.paths.airflow_home / 'logs')}"
    if found := summary.lake(state).find(key):
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(found.data)


def last_error(log: Path) -> str:
    """Return the last error in the log of a task, which has one JSON object per line."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return "it has no log"
    for line in reversed(lines):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if not isinstance(entry, dict) or entry.get("level") not in {"error", "critical"}:
            continue
        details = entry.get("error_detail") or []
        if details and details[-1].get("exc_value"):
            return str(details[-1]["exc_value"])
        return str(entry.get("event"))
    return "its log has no error"
