"""The few calls of Airflow's REST API (v2) that the stack and the demo need."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any

import httpx

from spotify_pipeline.errors import PipelineError
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack.health import NotReady

PAGE = 100
# states of a task instance that it does not leave by itself
ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")


class AirflowApi:
    """A client of one Airflow with login switched off.

    Every method raises NotReady when Airflow does not answer, PipelineError when it refuses.
    """

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v2", timeout=30, trust_env=False)

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
        """File name -> last line of the error, for each DAG file that cannot be imported."""
        errors = self._pages("/importErrors", "import_errors")
        return {error["filename"]: error["stack_trace"].strip().splitlines()[-1] for error in errors}

    def check_dags_are_parsed(self) -> None:
        """Compare Airflow's DAGs with the files of the folder `dags`.

        Raises:
            NotReady: a file was not parsed yet.
        """
        known = {dag["relative_fileloc"] for dag in self.dags()} | set(self.import_errors())
        files = {path.name for path in (PROJECT_ROOT / "dags").glob("*.py")}
        if missing := sorted(files - known):
            raise NotReady(f"Airflow has not read {', '.join(missing)} yet")

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run."""
        self._call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def pause(self, dag_id: str) -> None:
        """Let a DAG start no run by itself."""
        self._call("PATCH", f"/dags/{dag_id}", json={"is_paused": True})

    def trigger(
        self, dag_id: str, partition_key: str | None = None, *, conf: Mapping[str, Any] | None = None
    ) -> str:
        """Start a run, for a partition where the DAG has them, with parameters; give its run id."""
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
        """Runs of one partition, oldest first."""
        runs = [
            run
            for run in self._pages(f"/dags/{dag_id}/dagRuns", "dag_runs", order_by="id")
            if run["partition_key"] == partition_key
        ]
        if queued_after is None:
            return runs
        return [run for run in runs if datetime.fromisoformat(run["queued_at"]) >= queued_after]

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Task instances of a run: `task_id`, `map_index`, `state`, `try_number`, `operator_name`."""
        return self._pages(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances")

    def clear_failed(self, dag_id: str, run_id: str) -> None:
        """Let the failed tasks of a run, and what follows them, run again."""
        body = {"dry_run": False, "dag_run_id": run_id, "only_failed": True, "include_downstream": True}
        self._call("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)

    def count_tasks(self, dag_id: str, run_id: str) -> tuple[int, int]:
        """Task instances of a run that have ended, and all of them."""
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
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise NotReady(f"Airflow does not answer at {self._http.base_url}: {error}") from error
        if response.status_code >= 500:
            raise NotReady(f"Airflow answers {response.status_code} to {method} {path}")
        if response.is_error:
            raise PipelineError(
                f"Airflow refuses {method} {path} ({response.status_code}): {response.text[:300]}"
            )
        body: dict[str, Any] = response.json()
        return body
