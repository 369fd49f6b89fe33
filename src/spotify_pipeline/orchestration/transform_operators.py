"""Cosmos's local operators with this pipeline's idea of failure, and a row per result.

A test that found bad rows finds them again, so it fails its task at once. What could not be asked at all
(the server is away, a model's statement broke) may succeed later, so the task is tried again. The two are
told apart by dbt's own statuses, `fail` against `error`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.openlineage import conf as openlineage
from airflow.sdk.exceptions import AirflowFailException
from cosmos.operators.local import (
    DbtRunLocalOperator,
    DbtSeedLocalOperator,
    DbtSourceLocalOperator,
    DbtTestLocalOperator,
)

from spotify_pipeline.connections import WAREHOUSE_DBT
from spotify_pipeline.errors import TerminalError
from spotify_pipeline.orchestration.runtime import from_airflow
from spotify_pipeline.orchestration.transform_results import read_results, write_results

if TYPE_CHECKING:
    from airflow.sdk import Context
    from dbt.cli.main import dbtRunnerResult

# a stale source is `error`; a freshness query that could not run is `runtime error`
STALE = "error"


def record_results(project_dir: str, *, context: Context) -> None:
    """Write what dbt said about its nodes to `ops.dbt_result`; Cosmos calls it after each run of dbt."""
    rows = read_results(Path(project_dir) / "target" / "run_results.json")
    if rows:
        run = context["dag_run"]
        write_results(
            from_airflow(WAREHOUSE_DBT),
            rows,
            partition=run.partition_key,
            run_id=run.run_id,
            try_number=context["ti"].try_number,
        )


class _Failing:
    """What the operators below share."""

    # statuses that say that the data is bad, not that the question could not be asked
    verdicts = frozenset({"fail"})

    def execute(self, context: Context, **kwargs: Any) -> Any:
        """Run dbt; a repair that only a person can make fails the task without further tries."""
        try:
            from_airflow(WAREHOUSE_DBT)  # says which connection is missing, where Cosmos says less
            return super().execute(context, **kwargs)  # type: ignore[misc]
        except TerminalError as error:
            raise AirflowFailException(str(error)) from error

    def handle_exception_dbt_runner(self, result: dbtRunnerResult) -> None:
        """Raise what the result asks for.

        Raises:
            AirflowFailException: every node that went wrong has a verdict against the data.
            CosmosDbtRunError: something else went wrong; the task is tried again.
        """
        outcomes = getattr(result.result, "results", None) or []
        wrong = [node for node in outcomes if str(node.status) in {"fail", "error", "runtime error"}]
        if not result.success and wrong and all(str(node.status) in self.verdicts for node in wrong):
            raise AirflowFailException("; ".join(f"{node.node.name}: {_said(node)}" for node in wrong))
        super().handle_exception_dbt_runner(result)  # type: ignore[misc]

    def calculate_openlineage_events_completes(self, *args: Any, **kwargs: Any) -> bool:
        """Parse lineage only where somebody listens: the parser costs more than most of our nodes."""
        if openlineage.is_disabled():
            return False
        return bool(super().calculate_openlineage_events_completes(*args, **kwargs))  # type: ignore[misc]


def _said(outcome: Any) -> str:
    return str(getattr(outcome, "message", None) or f"status {outcome.status}")


class RunModel(_Failing, DbtRunLocalOperator):
    """One model."""


class LoadSeed(_Failing, DbtSeedLocalOperator):
    """One seed."""


class RunDataTest(_Failing, DbtTestLocalOperator):
    """One data test."""


class CheckFreshness(_Failing, DbtSourceLocalOperator):
    """Freshness of one source table."""

    verdicts = frozenset({STALE})
