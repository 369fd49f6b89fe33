"""Serves read-only pages of the object store: raw responses and reports.

Users who are allowed to read a DAG can read the objects that it wrote, except those of a listener. Airflow
checks the right to the DAG in the address; DAGs of other teams have no pages. Only Airflow's API server
imports this module.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from html import escape
from typing import Any
from urllib.parse import quote

from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models.connection import Connection
from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import select

from spotify_pipeline.connections import SPOTIFY_LAKE, ConnectionInfo
from spotify_pipeline.errors import PipelineError
from spotify_pipeline.lake import Lake, keys
from spotify_pipeline.lake.weeks import parse_week, week_name, week_page_key
from spotify_pipeline.orchestration.dbt.results import WARNING_KEY

# a stored page must not have the rights of Airflow's pages
_HEADERS = {
    "Content-Security-Policy": "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
RAW_DAGS = frozenset({"spotify_ingest", "spotify_replay"})
REPORT_DAGS = frozenset({"spotify_transform", "spotify_report"})
WEEK_DAGS = frozenset({"spotify_weekly"})
OBJECTS_MAX = 1000
"""Raw objects on one page: one request to the object store lists as many."""
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem;max-width:70rem;background:#fff;color:#222}"
    "li{overflow-wrap:anywhere}a{color:#0b57d0}@media screen and (prefers-color-scheme:dark)"
    "{body{background:#111;color:#eee}a{color:#8cb4ff}}"
)


@cache
def application() -> FastAPI:
    """Return the application, made once per process."""
    app = FastAPI(
        title="Spotify pipeline",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(requires_access_dag("GET"))],
    )

    @app.exception_handler(PipelineError)
    def unavailable(_: Any, error: PipelineError) -> Response:
        return Response(str(error), status_code=503, media_type="text/plain", headers=_HEADERS)

    def found_key(dag_id: str, run_id: str, dags: frozenset[str]) -> str:
        if dag_id not in dags:
            raise HTTPException(404, f"{dag_id} has no such page")
        key = partition_key(dag_id, run_id)
        if key is None:
            raise HTTPException(404, f"{dag_id} has no run {run_id} with a partition")
        return key

    def found_partition(dag_id: str, run_id: str, dags: frozenset[str]) -> date:
        return keys.parse_partition(found_key(dag_id, run_id, dags))

    @app.get("/{dag_id}/{run_id}/raw", response_class=HTMLResponse)
    def raw(dag_id: str, run_id: str, source: str | None = None, after: str | None = None) -> HTMLResponse:
        partition = found_partition(dag_id, run_id, RAW_DAGS)
        if source is not None and not keys.sources_of_folders([f"source={source}"]):
            raise HTTPException(404, "no such source")
        if after is not None and not is_shown(after, partition):
            raise HTTPException(404, "no such object")
        return HTMLResponse(raw_page(_lake(), partition, "object", source, after), headers=_HEADERS)

    @app.get("/{dag_id}/{run_id}/object")
    def stored(dag_id: str, run_id: str, key: str) -> Response:
        if not is_shown(key, found_partition(dag_id, run_id, RAW_DAGS)):
            raise HTTPException(404, "no such object")
        return Response(_lake().get(key).data, media_type="application/json", headers=_HEADERS)

    @app.get("/{dag_id}/{run_id}/report")
    def report(dag_id: str, run_id: str) -> Response:
        partition = found_partition(dag_id, run_id, REPORT_DAGS)
        page = _lake().find(keys.report_key(partition))
        if page is None:
            raise HTTPException(404, f"there is no report of {partition} yet: spotify_report writes it")
        return Response(page.data, media_type="text/html", headers=_HEADERS)

    @app.get("/{dag_id}/{run_id}/week")
    def week(dag_id: str, run_id: str) -> Response:
        monday = parse_week(found_key(dag_id, run_id, WEEK_DAGS))
        page = _lake().find(week_page_key(monday))
        if page is None:
            raise HTTPException(404, f"there is no page of week {week_name(monday)} yet")
        return Response(page.data, media_type="text/html", headers=_HEADERS)

    return app


def is_shown(key: str, partition: date) -> bool:
    """Return whether a page may show an object: raw, of the run's partition, not of a listener."""
    return keys.partition_of_public_raw(key) == partition


def raw_page(
    lake: Lake, partition: date, address: str, source: str | None = None, after: str | None = None
) -> str:
    """Return HTML that lists the raw objects of a partition by source.

    Args:
        lake: The object store.
        partition: The partition.
        address: Address of the page that serves a single object.
        source: The only source to list. Without it, only the names of the sources are listed if the partition
            has more than `OBJECTS_MAX` objects.
        after: Key after which the list starts.
    """
    of_partition = keys.partition_prefix(keys.RAW, partition)
    prefix = of_partition if source is None else keys.source_prefix(keys.RAW, partition, source)
    found = lake.first_keys(prefix, OBJECTS_MAX + 1, after)
    shown = [key for key in found[:OBJECTS_MAX] if is_shown(key, partition)]
    by_source: dict[str, list[str]] = {}
    parts: list[str] = []
    if len(found) > OBJECTS_MAX and source is None:
        names = keys.sources_of_folders(lake.folders(of_partition))
        links = (f"<li><a href='raw?source={quote(name)}'>{escape(name)}</a></li>" for name in names)
        parts = [f"<h2>Sources</h2><ul>{''.join(links)}</ul>"]
    else:
        for key in shown:
            by_source.setdefault(keys.source_of(key) or "", []).append(key)
    parts += [
        f"<h2 id='{escape(name)}'>{escape(name)}</h2><ul>"
        + "".join(
            f"<li><a href='{address}?key={quote(key, safe='')}'>{escape(key.rpartition('/')[2])}</a></li>"
            # the manifest first: it lists the others
            for key in sorted(listed, key=lambda key: (not key.endswith(keys.MANIFEST_NAME), key))
        )
        + "</ul>"
        for name, listed in sorted(by_source.items())
    ]
    if by_source and len(found) > OBJECTS_MAX:
        following = f"raw?source={quote(source or '')}&amp;after={quote(found[OBJECTS_MAX - 1], safe='')}"
        parts.append(f"<p><a href='{following}'>More objects</a></p>")
    nothing = "<p>Nothing was fetched for this date.</p>"
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f"<title>Raw responses of {partition}</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<style>{_STYLE}</style></head><body><main><h1>Raw responses of {partition}</h1>"
        "<p>Unchanged, as the Web API sent them. Objects of a user's account are not shown.</p>"
        + ("".join(parts) or nothing)
        + "</main></body></html>"
    )


def partition_key(dag_id: str, run_id: str) -> str | None:
    """Return a run's partition from Airflow's database; None for an unknown run or one without partition."""
    with create_session() as session:
        wanted = select(DagRun.partition_key).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        found: str | None = session.scalar(wanted)
        return found


def has_warned(ti_key: Any) -> bool:
    """Return whether a task left a warning."""
    with create_session() as session:
        wanted = select(XComModel.key).where(
            XComModel.dag_id == ti_key.dag_id,
            XComModel.run_id == ti_key.run_id,
            XComModel.task_id == ti_key.task_id,
            XComModel.key == WARNING_KEY,
        )
        return session.scalar(wanted) is not None


def _lake() -> Lake:
    """Return the object store, its connection read from Airflow's database."""
    found = Connection.get_connection_from_secrets(SPOTIFY_LAKE)
    return Lake(
        ConnectionInfo(
            SPOTIFY_LAKE,
            host=found.host,
            port=found.port,
            login=found.login,
            password=found.password,
            schema=found.schema,
            extra={name.lower(): value for name, value in found.extra_dejson.items()},
        )
    )
