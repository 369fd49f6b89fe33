"""Builds the report of a partition from the marts, and writes it to the lake and to the report folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

import psycopg

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import SchemaVersionError
from spotify_pipeline.files import write_atomically
from spotify_pipeline.lake import keys
from spotify_pipeline.report.page import render_page
from spotify_pipeline.report.queries import read_report
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.publication import pin

if TYPE_CHECKING:
    from spotify_pipeline.stages.runtime import Runtime

CONTENT_TYPE = "text/html; charset=utf-8"


def build_report(connection: ConnectionInfo, partition: date, *, made_up: bool = False) -> str:
    """Render the page of a partition from rows observed up to its date.

    The page does not contain the time of its rendering: equal warehouse contents give equal text.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached, or the connection broke.
        ConfigurationError: the warehouse refuses the login, or does not let it read the marts.
        SchemaVersionError: the marts do not exist yet, or are older than this code.
    """
    with reading_marts(connection, str(partition)) as warehouse:
        data = read_report(warehouse, partition)
    return render_page(data, made_up=made_up)


@contextmanager
def reading_marts(connection: ConnectionInfo, wanted: str) -> Iterator[psycopg.Connection]:
    """Open the warehouse with the publication pinned; `wanted` names the partition or week for messages.

    Raises:
        WarehouseUnavailable, ConfigurationError, SchemaVersionError: see `build_report`.
    """
    try:
        with connect(connection, application_name="spotify-report") as warehouse:
            # all statements of a page read the tables of one publication
            pin(warehouse)
            yield warehouse
    except (
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
        psycopg.errors.InvalidSchemaName,
    ) as error:
        raise SchemaVersionError(
            f"the warehouse does not have the tables that the report reads ({error.diag.message_primary}): "
            f"run spotify_transform for {wanted} first"
        ) from error


def publish_report(runtime: Runtime, partition: date) -> str:
    """Write the report of a partition, and return its key in the lake.

    An equal object is not written again. The folder `settings.report_dir`, if it is set, gets a copy
    `report-DATE.html`.
    """
    page = build_report(runtime.reader, partition, made_up=runtime.settings.made_up_data)
    key = keys.report_key(partition)
    store_page(runtime, key, page, copy=f"report-{partition}.html")
    return key


def store_page(runtime: Runtime, key: str, page: str, *, copy: str | None) -> None:
    """Write a page to the lake unless it is stored already, and a copy to the report folder.

    Args:
        runtime: the lake, and the setting of the folder.
        key: key of the page.
        page: HTML.
        copy: name of the copy; None for no copy.
    """
    content = page.encode()
    stored = runtime.lake.find(key)
    if stored is None or stored.data != content:
        runtime.lake.put(key, content, content_type=CONTENT_TYPE)
    folder = runtime.settings.report_dir
    if copy is not None and folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / copy, content)
