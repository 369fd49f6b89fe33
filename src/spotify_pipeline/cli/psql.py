"""`spotify-pipeline psql`: opens psql on the warehouse, as the role that only reads."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import quote, urlencode

import typer

from spotify_pipeline.cli.connections import environment_or_stack
from spotify_pipeline.cli.postgres_programs import postgres_program
from spotify_pipeline.connections import WAREHOUSE_READER, ConnectionInfo
from spotify_pipeline.warehouse.publication import PIN_FOR_SESSION, PIN_FOR_TRANSACTION

# a -c or -f, also behind flags that take no value: -Atc
_SCRIPTED = re.compile(r"-[aAbeEHlLnqsStxXwW01]*[cf]|--(command|file)\b")


def psql(
    arguments: Annotated[
        list[str] | None, typer.Argument(help='Arguments of psql: -- -c "SELECT * FROM dim_artist LIMIT 5"')
    ] = None,
    url: Annotated[
        bool, typer.Option("--url", help="Print the URL, which contains the password, and do not open psql.")
    ] = False,
) -> None:
    """Open psql on the warehouse of connection warehouse_reader, or else of the running stack.

    The exit status is that of psql. Tables of the schemas marts and ops need no schema name.

    All statements of -c, -f and standard input read one publication. In a session, :pin begins a transaction
    that reads one publication, and shows which one.
    """
    info = environment_or_stack(WAREHOUSE_READER)
    if url:
        typer.echo(warehouse_url(info, password=True))
        return
    program = postgres_program("psql", "give --url to another client")
    # the password is in the environment, because arguments appear in the list of processes
    environment = own_environment(os.environ) | {"PGPASSWORD": info.password or ""}
    address = warehouse_url(info, password=False)
    os.execvpe(program, [program, "--dbname", address, *pinned(arguments or [])], environment)  # noqa: S606 - psql


def pinned(arguments: Sequence[str], *, is_session: bool | None = None) -> list[str]:
    """Add arguments that pin a publication in a script, or define the variable `pin` in a session.

    Args:
        arguments: arguments of the user.
        is_session: whether statements are typed by a person; None: whether standard input is a terminal.
    """
    is_scripted = any(_SCRIPTED.match(argument) for argument in arguments)
    is_session = sys.stdin.isatty() if is_session is None else is_session
    if is_session and not is_scripted:
        return ["--variable", f"pin={PIN_FOR_TRANSACTION}", *arguments]
    # quiet, or psql would print the result of the statement
    commands = ("\\set was_quiet :QUIET", "\\set QUIET on", PIN_FOR_SESSION, "\\set QUIET :was_quiet")
    pin = [part for command in commands for part in ("--command", command)]
    return [*pin, *arguments] if is_scripted else [*pin, "--file", "-", *arguments]


def warehouse_url(info: ConnectionInfo, *, password: bool) -> str:
    """Return the URL of a connection for psql and other clients of Postgres."""
    login = quote(info.require("login"), safe="")
    if password and info.password:
        login += ":" + quote(info.password, safe="")
    host = info.require("host")
    host = f"[{host}]" if ":" in host else host
    options = {name: info.extra[name] for name in ("sslmode", "sslrootcert") if info.extra.get(name)}
    query = f"?{urlencode(options)}" if options else ""
    return f"postgresql://{login}@{host}:{info.port or 5432}/{quote(info.require('schema'), safe='')}{query}"


def own_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without variables that would send psql to another server (PGHOSTADDR, …)."""
    kept = ("PGAPPNAME", "PGTZ")
    return {name: value for name, value in environ.items() if not name.startswith("PG") or name in kept}
