"""A client for the calls of Airflow's REST API (v2) that the stack and the demo need."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any

import httpx

from spotify_pipeline.errors import PipelineError
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack.dag_files import dag_files
from spotify_stack.health import NO_CERTIFICATES, NotReady

PAGE = 100
TIMEOUT = 30.0
RETRY_SECONDS = 1.0
# final states of a task instance
ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")


class AirflowApi:
    """A client of an Airflow without logins.

    Every method raises NotReady if Airflow does not respond, PipelineError if it refuses.
    """

    def __init__(self, url: str, *, patience: float = 0) -> None:
        """Prepare a client.

        Args:
            url: Address of Airflow.
            patience: Seconds for which a request is repeated while Airflow does not respond. A busy machine
                often needs longer than the time-out of one request.
        """
        self._http = httpx.Client(
            base_url=f"{url}/api/v2", timeout=TIMEOUT, trust_env=False, verify=NO_CERTIFICATES
        )
        self._patience = patience

    def __enter__(self) -> AirflowApi:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def dags(self) -> list[dict[str, Any]]:
        """Return all DAGs, among other fields with `dag_id`, `relative_fileloc` and `is_paused`."""
        return self._pages("/dags", "dags")

    def import_errors(self) -> dict[str, str]:
        """Return the last line of the error of each DAG file that cannot be imported, by file name."""
        errors = self._pages("/importErrors", "import_errors")
        return {error["filename"]: error["stack_trace"].strip().splitlines()[-1] for error in errors}

    def check_dags_are_parsed(self) -> None:
        """Check that Airflow has parsed every file of the folder `dags` that defines a DAG.

        Raises:
            NotReady: a file is not parsed yet.
        """
        known = {dag["relative_fileloc"] for dag in self.dags()} | set(self.import_errors())
        if missing := sorted(dag_files(PROJECT_ROOT / "dags") - known):
            raise NotReady(f"Airflow has not parsed {', '.join(missing)} yet")

    def dag(self, dag_id: str) -> dict[str, Any]:
        """Return one DAG, among other fields with `is_paused` and `next_dagrun_run_after`."""
        return self._call("GET", f"/dags/{dag_id}")

    def unpause(self, dag_id: str) -> None:
        """Unpause a DAG."""
        self._call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def pause(self, dag_id: str) -> None:
        """Pause a DAG: it starts no runs by itself."""
        self._call("PATCH", f"/dags/{dag_id}", json={"is_paused": True})

    def trigger(
        self, dag_id: str, partition_key: str | None = None, *, conf: Mapping[str, Any] | None = None
    ) -> str:
        """Trigger a run.

        Args:
            dag_id: DAG to run.
            partition_key: Partition of the run, for a DAG that has partitions.
            conf: Parameters of the run.

        Returns:
            Id of the run.
        """
        body: dict[str, Any] = {"logical_date": None, "conf": dict(conf or {})}
        if partition_key is not None:
            body["partition_key"] = partition_key
        return str(self._call("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return one run, among other fields with `state`, `start_date`, `end_date` and `partition_key`."""
        return self._call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")

    def runs(
        self, dag_id: str, partition_key: str, *, queued_after: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Return the runs of a partition, oldest first."""
        runs = [
            run
            for run in self._pages(f"/dags/{dag_id}/dagRuns", "dag_runs", order_by="id")
            if run["partition_key"] == partition_key
        ]
        if queued_after is None:
            return runs
        return [run for run in runs if datetime.fromisoformat(run["queued_at"]) >= queued_after]

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run, among other fields with `task_id`, `map_index`, `state`."""
        return self._pages(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances")

    def clear_failed(self, dag_id: str, run_id: str) -> None:
        """Clear the failed tasks of a run and their downstream tasks, so that they run again."""
        body = {"dry_run": False, "dag_run_id": run_id, "only_failed": True, "include_downstream": True}
        self._call("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)

    def count_tasks(self, dag_id: str, run_id: str) -> tuple[int, int]:
        """Return the number of ended task instances of a run, and of all."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        counts = [
            self._call("GET", path, params={"limit": 1, **wanted})["total_entries"]
            for wanted in ({"state": list(ENDED)}, {})
        ]
        return counts[0], counts[1]

    def _pages(self, path: str, key: str, **params: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            body = self._call("GET", path, params=params | {"limit": PAGE, "offset": len(found)})
            found += body[key]
            if not body[key] or len(found) >= body["total_entries"]:
                return found

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        if method == "POST":
            # a repeated POST could start a second run, so it waits longer instead
            return self._call_once(method, path, timeout=max(TIMEOUT, self._patience), **options)
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return self._call_once(method, path, **options)
            except NotReady:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(RETRY_SECONDS)

    def _call_once(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise NotReady(f"Airflow does not respond at {self._http.base_url}: {error}") from error
        if response.status_code >= 500:
            raise NotReady(f"Airflow returns {response.status_code} to {method} {path}")
        if response.is_error:
            raise PipelineError(
                f"Airflow refuses {method} {path} ({response.status_code}): {response.text[:300]}"
            )
        body: dict[str, Any] = response.json()
        return body
