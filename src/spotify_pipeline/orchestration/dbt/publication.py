"""Tasks after the tests in spotify_transform: the publication, or another run after a failure.

dbt builds and tests in schema `marts_build`. The publication swaps it with `marts` and updates the assets of
all models; Cosmos would update an asset before the tests of its model. The URIs of assets are those of
Cosmos. They contain the server's address, so they are made when the task runs: no connection is read while
a DAG file is parsed. Afterwards `catch_up` builds the retired tables again, so that the next run, or a
single cleared task, starts from the published state.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, get_current_context
from airflow.sdk.exceptions import AirflowSkipException
from cosmos.operators.local import DbtBuildLocalOperator

from spotify_pipeline.connections import WAREHOUSE_DBT, ConnectionInfo
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.orchestration.assets import MODELS
from spotify_pipeline.orchestration.dbt.manifest import MANIFEST, DbtManifest, is_ephemeral
from spotify_pipeline.orchestration.dbt.operators import DbtNode
from spotify_pipeline.orchestration.dbt.task_group import node_arguments
from spotify_pipeline.orchestration.lineage import table_uri
from spotify_pipeline.orchestration.runtime import from_airflow, running, running_partition
from spotify_pipeline.stages import publish as stage
from spotify_pipeline.stages.publish import Watermark, watermark
from spotify_pipeline.warehouse.publication import Build
from spotify_pipeline.warehouse.roles import MARTS

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context

log = logging.getLogger(__name__)
WATERMARK = "watermark"
"""Task whose XCom is the watermark of the run."""
_UNIT_TESTS = "resource_type:unit_test"
# a run of any other type was triggered by a person
_BY_ASSET = "asset_triggered"


def take_watermark(project: Path) -> dict[str, Any]:
    """Return the watermark of the run, which also says whether dbt has to build; for the task `watermark`.

    A run that an asset started does not build if the published tables have the same inputs. A run that a
    person started always builds.

    Raises:
        ConfigurationError: the run's params do not fit the project.
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    context = get_current_context()
    with running_partition() as (runtime, _):
        _refuse_params(context["params"], DbtManifest.read(project / MANIFEST))
        found = asdict(stage.take_watermark(runtime, project))
    # compared as it is: str() of the SDK's enum is not its value
    found["is_published"] = found["is_published"] and context["dag_run"].run_type == _BY_ASSET
    if found["is_published"]:
        log.info(
            "staging and the dbt project have not changed since the last publication (load %s): its tables "
            "are published for this partition too, and nothing is built",
            found["load_seq"],
        )
    return found


def _refuse_params(params: Mapping[str, Any], manifest: DbtManifest) -> None:
    wanted = set(params.get("select") or ())
    if wanted and not params.get("full_refresh"):
        raise ConfigurationError("`select` names models of a full refresh: switch `full_refresh` on, too")
    known = {node["name"] for node in manifest.nodes.values() if node["resource_type"] in {"model", "seed"}}
    if unknown := sorted(wanted - known):
        raise ConfigurationError(f"the dbt project has no model or seed {', '.join(unknown)}")


def publish_marts(project: Path, covered: Mapping[str, Any]) -> None:
    """Publish the tables that dbt built and tested, and update the models' assets; for the task `publish`.

    Args:
        project: folder of the dbt project.
        covered: the run's watermark; if its inputs are published already, the tables stay unchanged.

    Raises:
        BuildIncomplete, MartsPinned, WarehouseUnavailable: see `stages.publish`.
    """
    build = build_of(DbtManifest.read(project / MANIFEST))
    mark = Watermark(**covered)
    with running_partition() as (runtime, partition):
        if mark.is_published:
            stage.publish_again(runtime, partition, mark)
        else:
            stage.publish(runtime, partition, project, mark, build)
    announce_models(project)


def build_of(manifest: DbtManifest) -> Build:
    """Return the models and seeds whose tables are published, and all data tests."""
    tables = {
        unique_id
        for unique_id, node in manifest.nodes.items()
        if node["resource_type"] in {"model", "seed"} and node["schema"] == MARTS and not is_ephemeral(node)
    }
    return Build(frozenset(tables), manifest.data_tests)


class CatchUp(DbtNode, DbtBuildLocalOperator):
    """Builds the marts in the retired schema, all in one dbt process.

    Equal data gives equal tables, and those passed their tests before the publication. If new data was loaded
    meanwhile, the tables are tested again.
    """

    def execute(self, context: Context, **kwargs: Any) -> Any:
        """Run dbt, with tests if there is a load that the publication has not seen.

        Raises:
            AirflowSkipException: the run built nothing, so no tables are retired.
        """
        covered = Watermark(**context["ti"].xcom_pull(task_ids=WATERMARK))
        if covered.is_published:
            raise AirflowSkipException("this run built nothing: there is nothing to build again")
        with running() as runtime:
            newest = watermark(runtime)
        if newest <= covered.load_seq:
            self.exclude = f"{_UNIT_TESTS} resource_type:test"
        return super().execute(context, **kwargs)

    def calculate_openlineage_events_completes(self, *_args: Any, **_kwargs: Any) -> bool:
        """Report no lineage, since the task that built the published table has reported it."""
        return False

    def get_openlineage_facets_on_complete(self, _task_instance: Any) -> OperatorLineage:
        """Report no lineage."""
        from airflow.providers.openlineage.extractors import OperatorLineage  # noqa: PLC0415 - heavy

        return OperatorLineage()


def catch_up(project: Path) -> CatchUp:
    """Return the task, inside the DAG being defined."""
    manifest = DbtManifest.read(project / MANIFEST)
    tables = sorted(build_of(manifest).tables)
    return CatchUp(
        task_id="catch_up",
        select=[manifest.tasks[table].select for table in tables],
        exclude=_UNIT_TESTS,
        full_refresh="{{ params.full_refresh }}",
        dbt_cmd_flags=["--threads", "4"],
        doc_md="Build the marts once more in the schema that is not read any more.",
        **node_arguments(project),
    )


def announce_models(project: Path) -> int:
    """Update the asset of each model, from a task with the outlet `MODELS`, and return their number.

    A URI that Airflow does not accept is left out. The extra of an event has `dbt_model` and `tests`, the
    number of data tests of that model.

    Raises:
        ConfigurationError: connection `warehouse_dbt` lacks host or database, or the manifest is missing.
    """
    events = get_current_context()["outlet_events"][MODELS]
    found = model_assets(DbtManifest.read(project / MANIFEST), from_airflow(WAREHOUSE_DBT))
    updated = 0
    for uri, extra in found.items():
        try:
            events.add(Asset(uri), extra=dict(extra))
            updated += 1
        except ValueError as error:  # the tables are published, even if Airflow refuses a URI
            log.warning("no asset for %s: %s", extra["dbt_model"], error)
    return updated


def model_assets(manifest: DbtManifest, warehouse: ConnectionInfo) -> dict[str, dict[str, str | int]]:
    """Return the URI of each model's asset with the extra of its event, in the order of the URIs."""
    found: dict[str, dict[str, str | int]] = {}
    for unique_id, node in manifest.nodes.items():
        if node["resource_type"] == "model" and not is_ephemeral(node):
            uri = table_uri(warehouse, node["schema"], node.get("alias") or node["name"])
            found[uri] = {"dbt_model": node["name"], "tests": manifest.tests_of(unique_id)}
    return dict(sorted(found.items()))


def require_newer_load(covered: Mapping[str, Any] | None) -> int:
    """Return the newest load if it is newer than the watermark `covered` of this run.

    Loads and models do not wait for each other: each statement reads the data that was committed when it
    began. Therefore a run can build one table before a load and another one after it, and a test that
    compares the two fails, although it would pass in the next run. A failure without a load in between comes
    from the data, which only a person can repair.

    Raises:
        AirflowSkipException: nothing was loaded since, or this run has no watermark.
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    if covered is None:
        raise AirflowSkipException("no model was built")
    load_seq: int = covered["load_seq"]
    with running() as runtime:
        newest = watermark(runtime)
    if newest <= load_seq:
        raise AirflowSkipException(
            f"nothing was loaded since load {load_seq}: the data itself causes the failure"
        )
    return newest
