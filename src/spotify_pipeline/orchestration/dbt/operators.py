"""Cosmos' local operators, which also write a row per result, and retry only if that can help.

A test that found bad rows (dbt's status `fail`) would find them again, so its task fails at once. A query
that could not run (`error`: the server is down, the SQL is wrong) can succeed later, so it is retried.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.openlineage import conf as openlineage
from airflow.sdk.exceptions import AirflowFailException
from cosmos.dbt.project import change_working_directory, environ
from cosmos.operators.local import (
    DbtRunLocalOperator,
    DbtSeedLocalOperator,
    DbtSnapshotLocalOperator,
    DbtSourceLocalOperator,
    DbtTestLocalOperator,
)

from spotify_pipeline.connections import WAREHOUSE_DBT
from spotify_pipeline.errors import TerminalError, WrongNode
from spotify_pipeline.orchestration.dbt.parsed_project import manifest_for
from spotify_pipeline.orchestration.dbt.results import (
    BadData,
    count_results,
    log_queries,
    node_results,
    note_warnings,
    write_results,
)
from spotify_pipeline.orchestration.runtime import from_airflow
from spotify_pipeline.warehouse.roles import MARTS, MARTS_BUILD

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

# a stale source has status `error`; a freshness query that could not run has `runtime error`
STALE = "error"
FAILED = frozenset({"fail", "error", "runtime error"})


class DbtNode:
    """Behaviour that the operators below share."""

    task_id: str
    dbt_cmd_global_flags: list[str]
    project_dir: str

    dbt_node: str | None = None
    """Unique id of the one node that the task is for."""
    twins: tuple[str, ...] = ()
    """Unique ids of nodes with the same selector: data tests whose names are equal after cleaning."""

    # statuses that mean bad data, not a query that could not run
    bad_data = frozenset({"fail"})

    def execute(self, context: Context, **kwargs: Any) -> Any:
        """Run dbt; an error that only a person can repair fails the task without further tries."""
        # a task is a fork of a large process, and Cosmos collects garbage after each run of dbt: objects of
        # the parent process need no scan
        gc.freeze()
        # dbt's debug log would be deleted with the folder of the task, and costs a tenth of its time
        self.dbt_cmd_global_flags = [*self.dbt_cmd_global_flags, "--log-level-file", "none"]
        if openlineage.is_disabled():
            # dbt's artifacts are read by the lineage parser alone; writing them takes longer than most nodes
            self.dbt_cmd_global_flags = [*self.dbt_cmd_global_flags, "--no-write-json"]
        try:
            from_airflow(WAREHOUSE_DBT)  # names the missing connection, which Cosmos does not
            return super().execute(context, **kwargs)  # type: ignore[misc]
        except TerminalError as error:
            raise AirflowFailException(str(error)) from error

    def run_dbt_runner(
        self, command: list[str], env: dict[str, str], cwd: str, *, context: Context, **kwargs: Any
    ) -> dbtRunnerResult:
        """Run dbt and write the results of its nodes, including failures, to `ops.dbt_result`."""
        warehouse = from_airflow(WAREHOUSE_DBT)
        manifest = manifest_for(Path(self.project_dir), warehouse.require("schema"))
        if self.twins and manifest is None:
            manifest = _parse(command, env, cwd)
        result: dbtRunnerResult
        if manifest is None:
            result = super().run_dbt_runner(command, env, cwd, context=context, **kwargs)  # type: ignore[misc]
        else:
            with _without(self.twins, manifest):
                result = _invoke(manifest, command, env, cwd)
        run = context["dag_run"]
        # hooks have results, too, and belong to no node
        results = [found for found in node_results(_outcomes(result)) if found.resource_type != "operation"]
        count_results(results)
        write_results(
            warehouse,
            results,
            partition=run.partition_key,
            run_id=run.run_id,
            task_id=context["ti"].task_id,
            try_number=context["ti"].try_number,
        )
        note_warnings(_outcomes(result), context)
        if result.success and self.dbt_node is not None:
            self._refuse_other_nodes([found.unique_id for found in results])
        return result

    def _refuse_other_nodes(self, ran: list[str]) -> None:
        """Check that dbt ran exactly the node of the task.

        Raises:
            WrongNode: it ran no node, or another one.
        """
        if ran != [self.dbt_node]:
            raise WrongNode(
                f"dbt ran {', '.join(ran) or 'nothing'} for the task of {self.dbt_node}: "
                "run `make dbt-manifest`, so that the DAG and the project agree"
            )

    def handle_exception_dbt_runner(self, result: dbtRunnerResult) -> None:
        """Raise the error of a failed result.

        Raises:
            BadData: every failed node found bad data.
            CosmosDbtRunError: another failure; the task is retried.
        """
        failed = [node for node in _outcomes(result) if str(node.status) in FAILED]
        if not result.success and failed and all(str(node.status) in self.bad_data for node in failed):
            log_queries(failed)
            raise BadData(failed)
        super().handle_exception_dbt_runner(result)  # type: ignore[misc]

    def calculate_openlineage_events_completes(self, *args: Any, **kwargs: Any) -> bool:
        """Skip the lineage parser if lineage is off, since it takes longer than most nodes."""
        if openlineage.is_disabled():
            return False
        return bool(super().calculate_openlineage_events_completes(*args, **kwargs))  # type: ignore[misc]

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage:
        """Add the column lineage of models to the inputs and outputs that Cosmos reports."""
        from spotify_pipeline.orchestration.dbt.column_lineage import add_columns  # noqa: PLC0415 - heavy

        lineage: OperatorLineage = super().get_openlineage_facets_on_complete(task_instance)  # type: ignore[misc]
        for dataset in (*lineage.inputs, *lineage.outputs):
            dataset.name = dataset.name.replace(f".{MARTS_BUILD}.", f".{MARTS}.")
        statement = getattr(lineage.job_facets.get("sql"), "query", None)
        # lineage uses the names of the published tables
        published = statement and statement.replace(f'"{MARTS_BUILD}"', f'"{MARTS}"')
        add_columns(lineage.outputs, published, Path(self.project_dir))
        return lineage


def _invoke(manifest: Manifest, command: list[str], env: dict[str, str], cwd: str) -> dbtRunnerResult:
    """Run dbt as Cosmos does, with a parsed project."""
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - heavy, and not needed to parse a DAG file

    with change_working_directory(cwd), environ(env):
        return dbtRunner(manifest=manifest).invoke(command[1:])


def _parse(command: list[str], env: dict[str, str], cwd: str) -> Manifest:
    """Parse the project of a command of Cosmos."""
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - heavy

    wanted = {"--project-dir", "--profiles-dir", "--profile", "--target"}
    options = [part for name, value in pairwise(command) if name in wanted for part in (name, value)]
    with change_working_directory(cwd), environ(env):
        manifest: Manifest = dbtRunner().invoke(["--quiet", "parse", *options]).result
    return manifest


@contextmanager
def _without(nodes: tuple[str, ...], manifest: Manifest) -> Iterator[None]:
    """Remove nodes from a manifest during the block."""
    taken = {unique_id: manifest.nodes.pop(unique_id) for unique_id in nodes}
    try:
        yield
    finally:
        manifest.nodes |= taken


def _outcomes(result: dbtRunnerResult) -> list[Any]:
    """Return the results of nodes; none if dbt ended before its first node."""
    return list(getattr(result.result, "results", None) or [])


class RunModel(DbtNode, DbtRunLocalOperator):
    """Builds one model."""


class LoadSeed(DbtNode, DbtSeedLocalOperator):
    """Loads one seed."""


class TakeSnapshot(DbtNode, DbtSnapshotLocalOperator):
    """Takes one snapshot."""


class RunDataTest(DbtNode, DbtTestLocalOperator):
    """Runs one data test."""


class CheckFreshness(DbtNode, DbtSourceLocalOperator):
    """Checks the freshness of one source table."""

    bad_data = frozenset({STALE})
