"""Tests which task has which link, and what the linked pages show."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.decorators.python import _PythonDecoratedOperator

from spotify_pipeline.lake import keys
from spotify_pipeline.orchestration.dbt import operators as transform_operators
from spotify_pipeline.orchestration.links import operator_links as links
from spotify_pipeline.settings import PROJECT_ROOT

DAY = date(2026, 11, 5)


def key_of(task_id: str, dag_id: str = "spotify_ingest", map_index: int = -1) -> Any:
    return SimpleNamespace(dag_id=dag_id, run_id="manual__1+0", task_id=task_id, map_index=map_index)


def test_links_refer_to_existing_operators() -> None:
    """Airflow compares names of class and module, so a stand-in must have those of a real class."""
    classes = [_PythonDecoratedOperator, *vars(transform_operators).values()]
    known = {(found.__module__, found.__name__) for found in classes if isinstance(found, type)}
    for link in links.PipelineLinks.operator_extra_links:
        assert {(stand_in.__module__, stand_in.__name__) for stand_in in link.operators} <= known


@pytest.mark.parametrize(
    ("link", "key", "ending"),
    [
        (links.RawLink(), key_of("sources.fetch", map_index=2), "/pipeline/spotify_ingest/manual__1%2B0/raw"),
        (links.RawLink(), key_of("migrate"), ""),
        (links.RawLink(), key_of("load", "somebody_elses"), ""),
        (links.ReportLink(), key_of("write_report", "spotify_report"), "spotify_report/manual__1%2B0/report"),
        (links.ReportLink(), key_of("plan"), ""),
        (links.WeekLink(), key_of("write_week", "spotify_weekly"), "spotify_weekly/manual__1%2B0/week"),
        (links.WeekLink(), key_of("write_week", "dag_of_others"), ""),
        (links.ReportLink(), key_of("publish", "dag_of_others"), ""),
        (
            links.CompiledSqlLink(),
            key_of("marts.dim_track.run", "spotify_transform"),
            "/runs/manual__1%2B0/tasks/marts.dim_track.run/rendered_templates",
        ),
    ],
)
def test_a_task_has_the_links_of_its_outputs(link: Any, key: Any, ending: str) -> None:
    found = link.get_link(None, ti_key=key)
    assert found.endswith(ending)
    assert bool(found) == bool(ending)


RAW = keys.partition_prefix(keys.RAW, DAY)
ACCOUNT = f"user=0123456789abcdef/source=mine/{keys.MANIFEST_NAME}"


def test_a_page_shows_raw_of_its_partition_but_no_account() -> None:
    from spotify_pipeline.orchestration.links.pages import is_shown

    response = keys.raw_key(DAY, "mine", "album", method="GET", path="/albums/x", query={})
    assert is_shown(response, DAY)
    assert is_shown(keys.manifest_key(DAY, "mine"), DAY)
    assert is_shown(keys.selection_key(DAY, "_details"), DAY)
    assert not is_shown(keys.manifest_key(DAY, "mine", "0123456789abcdef"), DAY)
    assert not is_shown(keys.manifest_key(date(2026, 11, 6), "mine"), DAY)
    assert not is_shown(keys.report_key(DAY), DAY)


@pytest.mark.parametrize(
    "key",
    [
        f"{RAW}/{ACCOUNT}",
        f"{RAW}\\{ACCOUNT}",
        f"{RAW}./{ACCOUNT}",
        f"{RAW}source=mine/../{ACCOUNT}",
        f"{RAW}source=mine/..%2F{ACCOUNT}",
        f"{RAW}source=mine//{keys.MANIFEST_NAME}",
        f"{RAW}source=mine/{keys.MANIFEST_NAME}\n",
        f"/{RAW}source=mine/{keys.MANIFEST_NAME}",
        f"{RAW}source=mine/{keys.MANIFEST_NAME}\0",
        f"{RAW}source=Mine/{keys.MANIFEST_NAME}",
    ],
)
def test_a_key_of_another_form_is_not_shown(key: str) -> None:
    from spotify_pipeline.orchestration.links.pages import is_shown

    assert not is_shown(key, DAY)


@pytest.mark.parametrize("page", ["raw", "object?key=x", "report", "week"])
def test_a_dag_of_another_team_has_no_pages(monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    """Users of another DAG may read its pages, and its runs may have the same partition keys."""
    import httpx
    from fastapi import Depends, FastAPI

    from spotify_pipeline.orchestration.links import pages

    def no_store() -> None:
        raise AssertionError("the store was read")

    monkeypatch.setattr(pages, "partition_key", lambda _dag, _run: DAY.isoformat())
    monkeypatch.setattr(pages, "_lake", no_store)
    monkeypatch.setattr(pages, "Depends", lambda _check: Depends(lambda: None))
    app: FastAPI = pages.application.__wrapped__()

    async def ask() -> int:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            return (await client.get(f"/dag_of_others/run/{page}")).status_code

    assert asyncio.run(ask()) == 404


def test_the_week_s_page_is_that_of_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx
    from fastapi import Depends

    from spotify_pipeline.lake.weeks import week_page_key
    from spotify_pipeline.orchestration.links import pages

    stored = {week_page_key(date(2026, 11, 16)): SimpleNamespace(data=b"<p>the week</p>")}
    monkeypatch.setattr(pages, "partition_key", lambda _dag, _run: "2026-11-16 (W47)")
    monkeypatch.setattr(pages, "_lake", lambda: SimpleNamespace(find=stored.get))
    monkeypatch.setattr(pages, "Depends", lambda _check: Depends(lambda: None))
    app = pages.application.__wrapped__()

    async def ask() -> str:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            return (await client.get("/spotify_weekly/run/week")).text

    assert asyncio.run(ask()) == "<p>the week</p>"


def test_the_pages_require_a_login() -> None:
    """A plugin's application has no login of its own; without Airflow's, everybody could read the store."""
    import httpx

    from spotify_pipeline.orchestration.links.pages import application

    async def ask(path: str) -> int:
        transport = httpx.ASGITransport(app=application(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            return (await client.get(path)).status_code

    for page in ("raw", "report", "week", "object?key=raw/x"):
        assert asyncio.run(ask(f"/spotify_ingest/run/{page}")) in (401, 403)


@pytest.mark.slow
def test_loading_the_plugin_does_not_import_the_pages() -> None:
    path = os.pathsep.join(str(PROJECT_ROOT / name) for name in ("plugins", "src"))
    code = (
        "import sys, time; import airflow.plugins_manager, airflow.sdk\n"
        "before = set(sys.modules); import spotify_links\n"
        "print([n for n in set(sys.modules) - before if n.split('.')[0] in ('fastapi', 'cosmos', 'dbt')])"
    )
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-c", code],
        env={"PYTHONPATH": path, "AIRFLOW_HOME": "/nonexistent", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.strip().splitlines()[-1:] == ["[]"], done.stderr[-2000:]
