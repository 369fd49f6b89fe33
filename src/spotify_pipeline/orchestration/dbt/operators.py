"""Cosmos's local operators with this pipeline's idea of failure, and a row per result.

A test that found bad rows finds them again, so it fails its task at once. What could not be asked at all
(the server is away, a model's statement broke) may succeed later, so the task is tried again. The two are
told apart by dbt's own statuses, `fail` against `error`.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.openlineage import conf as openlineage
from airflow.sdk.exceptions import AirflowFailException
from cosmos.dbt.project import change_working_directory, environ
from cosmos.operators.local import (
    DbtRunLocalOperator,
    DbtSeedLocalOperator,
    DbtSourceLocalOperator,
    DbtTestLocalOperator,
)

from spotify_pipeline.connections import WAREHOUSE_DBT
from spotify_pipeline.errors import TerminalError
from spotify_pipeline.orchestration.dbt.parsed_project import manifest_for
from spotify_pipeline.orchestration.dbt.results import node_results, write_results
from spotify_pipeline.orchestration.dbt.verdicts import BadData, log_queries, note_warnings
from spotify_pipeline.orchestration.metrics import count_nodes
from spotify_pipeline.orchestration.tasks.runtime import from_airflow

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

# a stale source is `error`; a freshness query that could not run is `runtime error`
STALE = "error"
FAILED = frozenset({"fail", "error", "runtime error"})


class DbtNode:
    """What the operators below share."""

    dbt_cmd_global_flags: list[str]
    project_dir: str

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
        warehouse = from_airflow(WAREHOUSE_DBT)
        manifest = manifest_for(Path(self.project_dir), warehouse.require("schema"))
        result: dbtRunnerResult = (
            super().run_dbt_runner(command, env, cwd, context=context, **kwargs)  # type: ignore[misc]
            if manifest is None
            else _invoke(manifest, command, env, cwd)
        )
        run = context["dag_run"]
        results = node_results(_outcomes(result))
        count_nodes(results)
        write_results(
            warehouse,
            results,
            partition=run.partition_key,
            run_id=run.run_id,
            try_number=context["ti"].try_number,
        )
        note_warnings(_outcomes(result), context)
        return result

    def handle_exception_dbt_runner(self, result: dbtRunnerResult) -> None:
        """Raise what the result asks for.

        Raises:
            BadData: every node that went wrong has a verdict against the data.
            CosmosDbtRunError: something else went wrong; the task is tried again.
        """
        wrong = [node for node in _outcomes(result) if str(node.status) in FAILED]
        if not result.success and wrong and all(str(node.status) in self.verdicts for node in wrong):
            log_queries(wrong)
            raise BadData(wrong)
        super().handle_exception_dbt_runner(result)  # type: ignore[misc]

    def calculate_openlineage_events_completes(self, *args: Any, **kwargs: Any) -> bool:
        """Parse lineage only where somebody listens: the parser costs more than most of our nodes."""
        if openlineage.is_disabled():
            return False
        return bool(super().calculate_openlineage_events_completes(*args, **kwargs))  # type: ignore[misc]

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage:
        """What Cosmos knows of inputs and outputs, and the columns of models; only called where it is on."""
        from spotify_pipeline.orchestration.lineage.columns import add_columns  # noqa: PLC0415 - heavy

        lineage: OperatorLineage = super().get_openlineage_facets_on_complete(task_instance)  # type: ignore[misc]
        statement = lineage.job_facets.get("sql")
        add_columns(lineage.outputs, getattr(statement, "query", None), Path(self.project_dir))
        return lineage


def _invoke(manifest: Manifest, command: list[str], env: dict[str, str], cwd: str) -> dbtRunnerResult:
    """What Cosmos does to run dbt, with a project that is parsed already."""
    # heavy, and of no use to those that only parse
    from dbt.cli.main import dbtRunner  # noqa: PLC0415
    from dbt_common.behavior_flags import BehaviorFlagRendered  # noqa: PLC0415

    # dbt asks `inspect.stack()` for the caller of each of its adapter's flags, a third of a small node's time
    BehaviorFlagRendered._default_source = staticmethod(_calling_module)  # type: ignore[method-assign]
    with change_working_directory(cwd), environ(env):
        return dbtRunner(manifest=manifest).invoke(command[1:])


def _calling_module() -> str:
    """What dbt's own function answers: the module nearest to the caller that is not the flags' own."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__") == "dbt_common.behavior_flags":
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "Unknown"))


def _outcomes(result: dbtRunnerResult) -> list[Any]:
    """Results per node; none when dbt ended before it came to any."""
    return list(getattr(result.result, "results", None) or [])


class RunModel(DbtNode, DbtRunLocalOperator):
    """One model."""


class LoadSeed(DbtNode, DbtSeedLocalOperator):
    """One seed."""


class RunDataTest(DbtNode, DbtTestLocalOperator):
    """One data test."""


class CheckFreshness(DbtNode, DbtSourceLocalOperator):
    """Freshness of one source table."""

    verdicts = frozenset({STALE})
