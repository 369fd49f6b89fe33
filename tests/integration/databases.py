"""Creates and copies databases of the test server; a copy takes a tenth of the time of the migrations."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.warehouse import roles
from spotify_pipeline.warehouse.migrate import migrate
from spotify_stack.postgres import PostgresServer

PASSWORDS = {role: f"{role}-of-tests" for role in roles.ROLES}


def login(admin_url: str, role: str) -> ConnectionInfo:
    """Return the connection of a role to the database in an administrator's URL."""
    parts = urlsplit(admin_url)
    conn_id = role.replace("spotify", "warehouse")
    database = parts.path.lstrip("/")
    return ConnectionInfo(conn_id, "postgres", parts.hostname, parts.port, role, PASSWORDS[role], database)


def create_migrated(server: PostgresServer, name: str) -> None:
    """Create a warehouse without rows."""
    roles.bootstrap(server.url(), PASSWORDS, database=name)
    migrate(login(server.url(name), roles.OWNER))


def copy(server: PostgresServer, template: str, name: str) -> None:
    """Copy a warehouse, replacing one of the same name; the template must have no connections."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy'.encode())
    # rights and settings of the database itself are not copied
    roles.bootstrap(server.url(), PASSWORDS, database=name)
