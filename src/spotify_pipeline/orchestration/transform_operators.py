"""Cosmos's local operators with this pipeline's idea of failure, and a row per result.

A test that found bad rows finds them again, so it fails its task at once. What could not be asked at all
(the server is away, a model's statement broke) may succeed later, so the task is tried again. The two are
told apart by dbt's own statuses, `fail` against `error`.
"""

from __future__ import annotations

import gc
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
from spotify_pipeline.orchestration.transform_results import node_results, write_results

if TYPE_CHECKING:
    from airflow.sdk import Context
    from dbt.cli.main import dbtRunnerResult

# a stale source is `error`; a freshness query that could not run is `runtime error`
STALE = "error"
FAILED = frozenset({"fail", "error", "runtime error"})


class _Node:
    """What the operators below share."""

    dbt_cmd_global_flags: list[str]

    # statuses that say that the data is bad, not that the question could not be asked
    verdicts = frozenset({"fail"})

    def execute(self, context: Context, **kwargs: Any) -> Any:
        """Run dbt; what only a person can repair fails the task without further tries."""
        # a task is a fork of a large process, and Cosmos collects garbage after each run of dbt: what came
        # with the fork need not be looked through
        gc.freeze()
        if openlineage.is_disabled():
            # dbt's artifacts are read by the lineage parser alone; writing them takes longer than most nodes
            self.dbt_cmd_global_flags = [*self.dbt_cmd_global_flags, "--no-write-json"]
        try:
            from_airflow(WAREHOUSE_DBT)  # says which connection is missing, where Cosmos says less
            return super().execute(context, **kwargs)  # type: ignore[misc]
        except TerminalError as error:
            raise AirflowFailException(str(error)) from error

    def run_dbt_runner(
        self, command: list[str], env: dict[str, str], cwd: str, *, context: Context, **kwargs: Any
    ) -> dbtRunnerResult:
        """Run dbt and write what it says about its nodes to `ops.dbt_result`, failures included."""
        result: dbtRunnerResult = super().run_dbt_runner(  # type: ignore[misc]
            command, env, cwd, context=context, **kwargs
        )
        run = context["dag_run"]
        write_results(
            from_airflow(WAREHOUSE_DBT),
            node_results(_outcomes(result)),
            partition=run.partition_key,
            run_id=run.run_id,
            try_number=context["ti"].try_number,
        )
        return result

    def handle_exception_dbt_runner(self, result: dbtRunnerResult) -> None:
        """Raise what the result asks for.

        Raises:
            AirflowFailException: every node that went wrong has a verdict against the data.
            CosmosDbtRunError: something else went wrong; the task is tried again.
        """
        wrong = [node for node in _outcomes(result) if str(node.status) in FAILED]
        if not result.success and wrong and all(str(node.status) in self.verdicts for node in wrong):
            raise AirflowFailException("; ".join(f"{node.node.name}: {_said(node)}" for node in wrong))
        super().handle_exception_dbt_runner(result)  # type: ignore[misc]

    def calculate_openlineage_events_completes(self, *args: Any, **kwargs: Any) -> bool:
        """Parse lineage only where somebody listens: the parser costs more than most of our nodes."""
        if openlineage.is_disabled():
            return False
        return bool(super().calculate_openlineage_events_completes(*args, **kwargs))  # type: ignore[misc]


def _outcomes(result: dbtRunnerResult) -> list[Any]:
    """Results per node; none when dbt ended before it came to any."""
    return list(getattr(result.result, "results", None) or [])


def _said(outcome: Any) -> str:
    return str(getattr(outcome, "message", None) or f"status {outcome.status}")


class RunModel(_Node, DbtRunLocalOperator):
    """One model."""


class LoadSeed(_Node, DbtSeedLocalOperator):
    """One seed."""


class RunDataTest(_Node, DbtTestLocalOperator):
    """One data test."""


class CheckFreshness(_Node, DbtSourceLocalOperator):
    """Freshness of one source table."""

    verdicts = frozenset({STALE})
