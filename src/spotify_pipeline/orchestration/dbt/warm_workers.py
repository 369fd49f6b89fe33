"""Imports what tasks or DAG files use, in a process that forks for each of them.

The LocalExecutor forks its workers from the scheduler, Celery from the first process of a worker, and each
task is forked again without exec: tasks inherit what is imported here, and anything else costs every task
seconds. The DAG processor forks for each DAG file, which it parses every half minute.

Our own modules could go stale in a process that lives for weeks: when one of their files has changed, a fork
drops them and imports them again. DAG files are read by each task. Nothing that a fork must not share is left
behind: no thread, no connection, no open file. (Forks share multiprocessing's resource tracker by design.)
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import inspect
import linecache
import logging
import os
import pkgutil
import sys
import tempfile
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.files import folder_fingerprint
from spotify_pipeline.orchestration.dbt.manifest import MANIFEST, DbtManifest
from spotify_pipeline.orchestration.dbt.parsed_project import fingerprint, keep, keep_written, kept_manifest

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

log = logging.getLogger(__name__)

DAG_MODULES = (
    "airflow.sdk",
    "airflow.dag_processing.bundles.local",
    "airflow.sdk.definitions.decorators",
    "airflow.sdk.lineage",
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.execution_time.supervisor",
    "airflow.dag_processing.dagbag",
    "airflow.providers.common.io.assets.file",
    "airflow.providers.openlineage.plugins.openlineage",
    "airflow.providers.postgres.assets.postgres",
    "airflow.providers.standard.decorators.python",
    "airflow.providers.standard.decorators.short_circuit",
    "airflow.providers.standard.operators.empty",
    "airflow.providers.standard.operators.trigger_dagrun",
    "cosmos",
    "cosmos.airflow.graph",
    "cosmos.airflow.task_group",
    "cosmos.converter",
    "cosmos.listeners.dag_run_listener",
    "cosmos.listeners.task_instance_listener",
    "cosmos.operators.local",
    "cosmos.plugin.airflow3",
    "cosmos.profiles",
)
TASK_MODULES = (
    "airflow.sdk.execution_time.cache",
    "airflow.sdk.execution_time.task_mapping",
    "airflow.sdk.execution_time.timeout",
    "airflow.providers.postgres.hooks.postgres",
    "dbt.cli.main",
    "dbt.adapters.postgres",
    "dbt.task.docs.generate",
    "dbt_common.clients.agate_helper",
    "openlineage.client",
    "openlineage.common.provider.dbt.local",
    "alembic.command",
    "alembic.config",
    "httpx",
    "jsonschema",
    "jsonschema_rs",
    "minio",
    "orjson",
    "psycopg",
    "pydantic_settings",
    "sqlalchemy.dialects.postgresql.psycopg",
    "stamina",
)
# what a task needs to report lineage, where it is on
LINEAGE_MODULES = (
    "airflow.providers.openlineage.extractors.manager",
    "airflow.providers.openlineage.plugins.adapter",
    "sqlglot.lineage",
    "sqlglot.optimizer.qualify",
)
# modules with frames on the call stack of a dbt task
ON_CALL_STACK = (
    "airflow.__main__",
    "airflow.cli",
    "airflow.executors",
    "airflow.jobs",
    "airflow.sdk.bases",
    "airflow.sdk.execution_time",
    "airflow.utils",
    "click",
    "contextlib",
    "cosmos.operators",
    "dbt.adapters",
    "dbt.cli",
    "multiprocessing",
    "spotify_pipeline.orchestration",
)
# every module below these is loaded: dbt picks the task of a command only when it runs
PACKAGES = ("dbt.task",)
OWN = "spotify_pipeline"
OWN_PACKAGES = (f"{OWN}.orchestration",)

# a project with one node of each kind that ours has, so that dbt's lazily loaded modules get loaded
_PROJECT = {
    "dbt_project.yml": "name: warm\nversion: '1.0.0'\nconfig-version: 2\nprofile: warm\n",
    "profiles.yml": (
        "warm: {target: t, outputs: {t: {type: postgres, host: 127.0.0.1, port: 1, user: u, password: p,"
        " dbname: d, schema: s, threads: 1}}}\n"
    ),
    "models/warm.sql": "{{ config(materialized='incremental', unique_key='id') }} select 1 as id\n",
    "models/warm.yml": (
        "models: [{name: warm, columns: [{name: id, data_tests: [unique]}]}]\n"
        "sources: [{name: warm, tables: [{name: loads, loaded_at_field: at, config: {freshness:"
        " {warn_after: {count: 1, period: day}}}}]}]\n"
    ),
    "seeds/warm_seed.csv": "id\n1\n",
}


def warm_up(project: Path | None = None) -> None:
    """Import what tasks use, and read the dbt project for them.

    A package that is not installed or a project that cannot be parsed is skipped: the process must start.
    """
    started = time.monotonic()
    _import_all((*DAG_MODULES, *TASK_MODULES, *(LINEAGE_MODULES if _lineage_is_on() else ())), PACKAGES)
    _parse_small_project()
    if project is not None:
        _keep_parsed(project)
    _keep_lines_of_call_stack()
    _spare_forks_the_search_for_garbage()
    log.info("workers are warm after %.1f s", time.monotonic() - started)


def warm_up_parsing(project: Path) -> None:
    """Import what DAG files use, and read dbt's manifest for them; what is not there is skipped."""
    started = time.monotonic()
    _import_all(DAG_MODULES)
    _keep_tasks(project)
    _spare_forks_the_search_for_garbage()
    log.info("the DAG processor is warm after %.1f s", time.monotonic() - started)


def _import_all(modules: Iterable[str], packages: Iterable[str] = ()) -> None:
    """Import modules, and all modules of packages and of our own DAGs and tasks."""
    for name in modules:
        _import(name)
    _drop_changed_code_in_forks()
    for name in (*packages, *OWN_PACKAGES):
        package = _import(name)
        for module in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{name}."):
            _import(module.name)


def _keep_lines_of_call_stack() -> None:
    """Read the source files on the call stack of a dbt task.

    dbt's adapter inspects the call stack once for each of its behaviour flags, and Python then reads the
    lines of every file on it.
    """
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.startswith(ON_CALL_STACK) and file is not None and file.endswith(".py"):
            linecache.getlines(file)
    inspect.stack()


def _spare_forks_the_search_for_garbage() -> None:
    """Leave out of later searches what is loaded now: reading 1 MB of JSON took twenty times as long."""
    gc.collect()
    gc.freeze()


def _lineage_is_on() -> bool:
    try:  # an Airflow without the provider has no lineage
        from airflow.providers.openlineage import conf  # noqa: PLC0415
    except ImportError:
        return False
    return not conf.is_disabled()


def _import(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        log.warning("workers stay cold for %s: %s", name, error)
        return None


def _drop_changed_code_in_forks() -> None:
    """Have each fork import our own modules again, if one of their files is not as it is now."""
    os.register_at_fork(after_in_child=partial(_drop_changed_code, _code_fingerprint()))


def _drop_changed_code(before: str) -> None:
    if _code_fingerprint() != before:
        for name in [name for name in sys.modules if name.split(".")[0] == OWN]:
            del sys.modules[name]


def _code_fingerprint() -> str:
    return folder_fingerprint(Path(__file__).parents[2], without={"__pycache__"})


def _parse_small_project() -> None:
    """Let dbt import the modules that it imports lazily."""
    with tempfile.TemporaryDirectory(prefix="warm-dbt-") as folder:
        for name, text in _PROJECT.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        _parse(Path(folder))


def _keep_parsed(project: Path) -> None:
    """Keep the parsed project for the tasks to be forked; without it, each of them parses it."""
    if not keep_written(project):
        before = fingerprint(project)
        manifest = _parse(project, "--target", "build")
        if manifest is None or not keep(project, manifest, before):
            log.warning("tasks parse %s themselves", project)
    if (kept := kept_manifest(project)) is not None:
        # each class of nodes compiles its method at the first call; a run of dbt calls it for every node
        for node in (*kept.nodes, *kept.sources, *kept.exposures, *kept.unit_tests):
            kept.expect(node).to_dict(omit_none=True)
    _keep_tasks(project)


def _keep_tasks(project: Path) -> None:
    """Keep the tasks of dbt's nodes for the processes to be forked."""
    with contextlib.suppress(ConfigurationError):
        DbtManifest.read(project / MANIFEST).tasks  # noqa: B018 - reads them


def _parse(project: Path, *options: str) -> Manifest | None:
    """Run `dbt parse` in this process, write nothing into the project, and reset dbt's global state."""
    try:  # deferred, so that this module can be imported without dbt
        from dbt.adapters.factory import reset_adapters  # noqa: PLC0415
        from dbt.cli.main import dbtRunner  # noqa: PLC0415
        from dbt_common.events.event_manager_client import cleanup_event_logger  # noqa: PLC0415
    except ImportError:
        return None
    with tempfile.TemporaryDirectory(prefix="warm-dbt-") as scratch:
        paths = ["--project-dir", str(project), "--profiles-dir", str(project), "--target-path", scratch]
        quiet = [
            "--no-static-parser",
            "--quiet",
            "--no-send-anonymous-usage-stats",
            "--log-path",
            f"{scratch}/logs",
        ]
        result = dbtRunner().invoke([*quiet, "parse", *paths, *options])
        # dbt keeps its log file open, in a folder that is deleted next
        cleanup_event_logger()
        reset_adapters()
    if not result.success:
        log.warning("dbt cannot parse %s: %s", project, result.exception)
        return None
    return cast("Manifest", result.result)
