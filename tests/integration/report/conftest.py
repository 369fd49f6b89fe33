"""Marts as plain tables in a real Postgres, the reader's connection, and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import psycopg
import pytest
from playwright.sync_api import Browser, sync_playwright
from psycopg.conninfo import conninfo_to_dict

from spotify_pipeline.connections import WAREHOUSE_READER, ConnectionInfo
from tests.integration.report import report_marts as marts


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "google-chrome", "chromium-browser", "google-chrome-stable")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium or Chrome on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture
def warehouse(migrated_database: str) -> Iterator[psycopg.Connection]:
    """An autocommit connection to a database with empty marts."""
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        marts.create(connection)
        yield connection


@pytest.fixture
def reader(warehouse: psycopg.Connection, migrated_database: str) -> ConnectionInfo:
    """The connection that the report uses."""
    return reader_of(migrated_database)


def reader_of(url: str) -> ConnectionInfo:
    parts = conninfo_to_dict(url)
    return ConnectionInfo(
        conn_id=WAREHOUSE_READER,
        conn_type="postgres",
        host=str(parts["host"]),
        port=int(str(parts["port"])),
        login=str(parts["user"]),
        password=str(parts["password"]),
        schema=str(parts["dbname"]),
    )
