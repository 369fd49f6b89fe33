"""Searches everything that a stack has written: files, rows of both databases, and objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from spotify_stack import services
from spotify_stack.airflow_environment import METADATA_DATABASE
from spotify_stack.scratch import DATABASE
from spotify_stack.summary import lake

from .conftest import Running

# files that must contain secrets; only their owner can read them
SECRET_FILES = {"secrets.json", "supervisord.conf"}
# the servers' own files; their contents are read through the servers
DATA_FOLDERS = (services.METADATA, services.WAREHOUSE, services.STORE)


def found_in(data: bytes, needles: dict[str, bytes]) -> list[str]:
    """Return the names of the needles that bytes contain."""
    return [name for name, needle in needles.items() if needle in data]


def files(running: Running) -> Iterator[Path]:
    """Yield the files of the stack's folder, without the data of its servers and the files of secrets."""
    root = running.state.paths.root
    for path in sorted(root.rglob("*")):
        excluded = path.name in SECRET_FILES or path.relative_to(root).parts[0].startswith(DATA_FOLDERS)
        if path.is_file() and not path.is_symlink() and not excluded:
            yield path


def rows(connection: psycopg.Connection) -> Iterator[tuple[str, bytes]]:
    """Yield each row of each table as text, with the table's name."""
    tables = connection.execute(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' "
        "AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()
    assert len(tables) > 20
    for schema, table in tables:
        copy = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(schema, table))
        with connection.cursor().copy(copy) as lines:
            for line in lines:
                yield f"{schema}.{table}", bytes(line)


def open_database(running: Running, server: str) -> psycopg.Connection:
    """Connect to Airflow's database or to the warehouse, as the superuser."""
    if server == services.METADATA:
        return psycopg.connect(services.metadata_postgres(running.state).url(METADATA_DATABASE))
    return psycopg.connect(services.warehouse_postgres(running.state).url(DATABASE))


def objects(running: Running) -> Iterator[tuple[str, bytes]]:
    """Yield each object of the lake by key: its key, metadata and bytes."""
    store = lake(running.state)
    for key in store.keys(""):
        stored = store.get(key)
        header = "\n".join([key, *(f"{name}: {value}" for name, value in stored.metadata.items())])
        yield key, header.encode() + b"\n\n" + stored.data


def places(running: Running, needles: dict[str, bytes]) -> dict[str, set[str]]:
    """Return where each needle is: paths of files, tables with their server, keys of objects."""
    found: dict[str, set[str]] = {name: set() for name in needles}
    for path in files(running):
        for name in found_in(path.read_bytes(), needles):
            found[name].add(str(path.relative_to(running.state.paths.root)))
    for server in (services.METADATA, services.WAREHOUSE):
        with open_database(running, server) as connection:
            for table, line in rows(connection):
                for name in found_in(line, needles):
                    found[name].add(f"{server} {table}")
    for key, data in objects(running):
        for name in found_in(data, needles):
            found[name].add(key)
    return found
