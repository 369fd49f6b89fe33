"""An Airflow plugin with links on task pages: to raw responses, the report and compiled SQL.

The API server makes a link when a user opens a task, so running tasks are not affected. Browsers cannot read
an object store that needs keys, so the pages below `/pipeline` read it for them (see `pages`).
"""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import quote

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink

PREFIX = "/pipeline"
_DBT = "spotify_pipeline.orchestration.dbt.operators"
# tasks that handle responses of the Web API
_RAW_TASKS = ("fetch", "validate", "load", "reconcile", "conclude")
_REPORT_TASKS = ("publish", "write_report")


def _named(module: str, name: str) -> type:
    """Return an empty class of that name: Airflow compares names, and the real class is slow to import."""
    return type(name, (), {"__module__": module})


_TASKFLOW = [_named("airflow.providers.standard.decorators.python", "_PythonDecoratedOperator")]
_NODES = [
    _named(_DBT, name) for name in ("RunModel", "LoadSeed", "TakeSnapshot", "RunDataTest", "CheckFreshness")
]


class RawLink(BaseOperatorLink):
    """Link to the Web API's responses of a run's partition."""

    name = "Raw responses"
    operators: ClassVar[list[Any]] = _TASKFLOW

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the page of the raw zone, for tasks that read or write it."""
        wanted = ti_key.dag_id in {"spotify_ingest", "spotify_replay"}
        return _page(ti_key, "raw") if wanted and _last(ti_key) in _RAW_TASKS else ""


class ReportLink(BaseOperatorLink):
    """Link to the report of a run's partition."""

    name = "Report"
    operators: ClassVar[list[Any]] = _TASKFLOW

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the page of the report, for tasks that publish or write it."""
        wanted = ti_key.dag_id in {"spotify_transform", "spotify_report"}
        return _page(ti_key, "report") if wanted and _last(ti_key) in _REPORT_TASKS else ""


class WeekLink(BaseOperatorLink):
    """Link to the page of a run's week."""

    name = "Page of the week"
    operators: ClassVar[list[Any]] = _TASKFLOW

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the page of the catalogue's week; pages of listeners are not shown in Airflow."""
        wanted = ti_key.dag_id == "spotify_weekly" and _last(ti_key) == "write_week"
        return _page(ti_key, "week") if wanted else ""


class CompiledSqlLink(BaseOperatorLink):
    """Link to the SQL that dbt ran, which Cosmos stores as a rendered template."""

    name = "Compiled SQL"
    operators: ClassVar[list[Any]] = _NODES

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return Airflow's own page."""
        return f"{_base()}{_task_path(ti_key)}/rendered_templates"


class WarningLink(BaseOperatorLink):
    """Link to the log of a data test that passed with a warning."""

    name = "Warning: see the log"
    operators: ClassVar[list[Any]] = _NODES

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the log of a task that warned, else an empty string."""
        from spotify_pipeline.orchestration.links.pages import has_warned  # noqa: PLC0415

        return f"{_base()}{_task_path(ti_key)}" if has_warned(ti_key) else ""


async def pages(scope: Any, receive: Any, send: Any) -> None:
    """Serve the pages as an ASGI application, built at the first request."""
    from spotify_pipeline.orchestration.links.pages import application  # noqa: PLC0415

    await application()(scope, receive, send)


class PipelineLinks(AirflowPlugin):
    """The plugin that Airflow finds in plugins/."""

    name = "spotify_pipeline"
    operator_extra_links: ClassVar[list[Any]] = [
        RawLink(),
        ReportLink(),
        WeekLink(),
        CompiledSqlLink(),
        WarningLink(),
    ]
    fastapi_apps: ClassVar[list[Any]] = [{"app": pages, "url_prefix": PREFIX, "name": "Spotify pipeline"}]


def _page(ti_key: Any, what: str) -> str:
    return f"{_base()}{PREFIX}/{quote(ti_key.dag_id)}/{quote(ti_key.run_id, safe='')}/{what}"


def _task_path(ti_key: Any) -> str:
    mapped = f"/mapped/{ti_key.map_index}" if ti_key.map_index is not None and ti_key.map_index >= 0 else ""
    return f"/dags/{quote(ti_key.dag_id)}/runs/{quote(ti_key.run_id, safe='')}/tasks/{ti_key.task_id}{mapped}"


def _last(ti_key: Any) -> str:
    return str(ti_key.task_id).rpartition(".")[2]


def _base() -> str:
    from airflow.configuration import conf  # noqa: PLC0415

    return str(conf.get("api", "base_url", fallback="/")).rstrip("/")
