"""Command line of the sandbox; `spotify-pipeline sandbox` is the same command."""

from __future__ import annotations

import logging
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from spotify_sandbox.app import build_app
from spotify_sandbox.clock import SandboxClock, parse_instant
from spotify_sandbox.folder import FolderSource
from spotify_sandbox.generated import GeneratedSource
from spotify_sandbox.records import CatalogError, CatalogSource
from spotify_sandbox.render import Mode
from spotify_sandbox.state import Sandbox
from spotify_sandbox.tokens import TokenService

DEFAULT_CLIENT_ID = "sandbox-client-id"
DEFAULT_CLIENT_SECRET = "sandbox-client-secret"  # noqa: S105  opens nothing but a sandbox


def serve(  # noqa: PLR0917  typer passes by name
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8089,
    mode: Annotated[Mode, typer.Option(help="Class of app to play the API for.")] = Mode.DEVELOPMENT,
    catalog: Annotated[
        Path | None, typer.Option(help="Folder of catalogues to serve; without it one is made.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the generated catalogue.")] = 1,
    size: Annotated[int, typer.Option(min=1, help="Tracks of the generated catalogue, about.")] = 2000,
    clock: Annotated[str | None, typer.Option(help="Moment to start at, ISO 8601; default: now.")] = None,
    client_id: Annotated[str, typer.Option(help="The app's client id.")] = DEFAULT_CLIENT_ID,
    client_secret: Annotated[str, typer.Option(help="The app's client secret.")] = DEFAULT_CLIENT_SECRET,
    access_log: Annotated[bool, typer.Option(help="Log each request to the standard error.")] = True,
) -> None:
    """Serve a stand-in for the Spotify Web API; the first line printed is its address."""
    try:
        sandbox_clock = SandboxClock(parse_instant(clock) if clock else None)
    except ValueError as error:
        raise typer.BadParameter(
            f"--clock {clock!r} is no ISO 8601 moment such as 2026-11-22T06:00:00Z"
        ) from error
    tokens = TokenService(sandbox_clock, client_id, client_secret)
    try:
        source: CatalogSource = FolderSource(catalog) if catalog else GeneratedSource(seed, size)
        sandbox = Sandbox(mode, sandbox_clock, source, tokens)
        sandbox.catalog()
        listener = _listen(host, port)
    except CatalogError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"cannot listen on {host}:{port}: {error.strerror or error}; --port 0 takes a free port")
    logging.basicConfig(
        level=logging.INFO if access_log else logging.WARNING, format="%(message)s", stream=sys.stderr
    )
    # the sandbox stamps its own Date
    config = uvicorn.Config(
        build_app(sandbox),
        date_header=False,
        server_header=False,
        access_log=False,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=2,  # scripted hangs must not hold up a stop
    )
    server_log = logging.getLogger("uvicorn.error")
    server_log.setLevel(logging.WARNING)
    server_log.addFilter(_is_no_scripted_break)
    typer.echo(f"http://{host}:{listener.getsockname()[1]}")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[listener])


def _is_no_scripted_break(record: logging.LogRecord) -> bool:
    """Keep out uvicorn's complaint about answers that the fault script breaks off."""
    return not record.getMessage().startswith("ASGI callable returned without completing response")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _fail(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(1)
