"""Connections by id, in Airflow's notation, readable with or without Airflow."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from spotify_pipeline.errors import ConfigurationError, ConnectionMissing

SPOTIFY_API = "spotify_api"
# needed only if sources.yml lists data of a user
SPOTIFY_USER = "spotify_user"
USER_NAME = "[a-z][a-z0-9_]{0,39}"
"""Pattern of the name of a user, which is part of a connection's id and of a variable of the environment."""
SPOTIFY_ACCOUNT_KEY = "spotify_account_key"
SPOTIFY_LAKE = "spotify_lake"
WAREHOUSE_OWNER = "warehouse_owner"
WAREHOUSE_INGEST = "warehouse_ingest"
WAREHOUSE_DBT = "warehouse_dbt"
WAREHOUSE_READER = "warehouse_reader"
CONNECTION_IDS = (
    SPOTIFY_API,
    SPOTIFY_LAKE,
    WAREHOUSE_OWNER,
    WAREHOUSE_INGEST,
    WAREHOUSE_DBT,
    WAREHOUSE_READER,
)


@dataclass(frozen=True)
class ConnectionInfo:
    """One connection. `schema` is the database or bucket; `extra` has the options without a field."""

    conn_id: str
    conn_type: str = "generic"
    host: str | None = None
    port: int | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def require(self, name: str) -> str:
        """Return the field or extra called `name`.

        Raises:
            ConfigurationError: It is empty.
        """
        value = getattr(self, name, None) or self.extra.get(name)
        if not value:
            raise ConfigurationError(f"connection '{self.conn_id}' has no {name}: set it and run again")
        return str(value)


ConnectionLookup = Callable[[str], ConnectionInfo]


def variable_name(conn_id: str) -> str:
    """Return the environment variable that holds the connection, as Airflow names it."""
    return f"AIRFLOW_CONN_{conn_id.upper()}"


def user_connection(name: str | None) -> str:
    """Return the id of a user's connection; that of a user without a name is `spotify_user`."""
    return SPOTIFY_USER if name is None else f"{SPOTIFY_USER}_{name}"


def token_variable(connection: str) -> str:
    """Return the name of the Airflow Variable with a user's tokens; Airflow masks it because of its name."""
    return f"{connection}_token"


def login_command(connection: str) -> str:
    """Return the command that gives the login of a user's connection."""
    name = connection.removeprefix(SPOTIFY_USER).removeprefix("_")
    return f"spotify-pipeline auth login --user {name}" if name else "spotify-pipeline auth login"


def creation_hint(conn_id: str) -> str:
    """Return the hint for the message that a connection is missing; empty if no command makes it."""
    if conn_id == SPOTIFY_ACCOUNT_KEY:
        return ", once for the installation, to what 'spotify-pipeline auth key' prints"
    return ""


def from_environment(conn_id: str, environ: Mapping[str, str] | None = None) -> ConnectionInfo:
    """Read a connection from `AIRFLOW_CONN_<ID>`, as JSON or as a URI.

    Raises:
        ConnectionMissing: The variable is absent.
        ConfigurationError: It cannot be read.
    """
    name = variable_name(conn_id)
    text = (os.environ if environ is None else environ).get(name)
    if not text:
        raise ConnectionMissing(
            f"connection '{conn_id}' is not defined: set the variable {name}{creation_hint(conn_id)}"
        )
    try:
        return _from_json(conn_id, text) if text.lstrip().startswith("{") else _from_uri(conn_id, text)
    except (ValueError, TypeError, AttributeError):
        # the text may hold a password: neither it nor the parser's message is repeated
        raise ConfigurationError(f"variable {name} is neither a connection in JSON nor a URI") from None


def _from_json(conn_id: str, text: str) -> ConnectionInfo:
    fields = json.loads(text)
    extra = fields.get("extra") or {}
    if isinstance(extra, str):
        extra = json.loads(extra)
    port = fields.get("port")
    return ConnectionInfo(
        conn_id=conn_id,
        conn_type=fields.get("conn_type") or "generic",
        host=fields.get("host"),
        port=int(port) if port else None,
        login=fields.get("login"),
        password=fields.get("password"),
        schema=fields.get("schema"),
        extra={key.lower(): value for key, value in extra.items()},
    )


def _from_uri(conn_id: str, text: str) -> ConnectionInfo:
    parts = urlsplit(text)
    if not parts.scheme:
        raise ValueError("no scheme")
    query = dict(parse_qsl(parts.query))
    extra = json.loads(query.pop("__extra__", "{}")) | query
    return ConnectionInfo(
        conn_id=conn_id,
        conn_type=parts.scheme.replace("-", "_"),
        host=unquote(parts.hostname) if parts.hostname else None,
        port=parts.port,
        login=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        schema=unquote(parts.path.lstrip("/")) or None,
        extra={key.lower(): value for key, value in extra.items()},
    )
