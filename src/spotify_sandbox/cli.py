"""`spotify-pipeline sandbox`, or `python -m spotify_sandbox`: serve the sandbox."""

from __future__ import annotations

import logging
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from spotify_sandbox.accounts.authorizations import SCOPES, Authorizations, Rotation
from spotify_sandbox.accounts.tokens import TokenService
from spotify_sandbox.app import build_app
from spotify_sandbox.catalogue.catalog import CatalogError, CatalogSource
from spotify_sandbox.catalogue.folder import FolderSource
from spotify_sandbox.catalogue.generated import GeneratedSource
from spotify_sandbox.catalogue.render import Mode
from spotify_sandbox.clock import SandboxClock, parse_instant
from spotify_sandbox.playback import Links, Miss, Playback, PlaybackError
from spotify_sandbox.sandbox import Sandbox

DEFAULT_CLIENT_ID = "sandbox-client-id"
DEFAULT_CLIENT_SECRET = "sandbox-client-secret"  # noqa: S105  a sandbox only
_SERVER, _APP, _CATALOG = "Server", "App", "Catalogue"
_USERS, _PLAYBACK = "Users and logins", "Recorded responses"


def serve(  # noqa: PLR0917  typer passes by name
    host: Annotated[str, typer.Option(help="Address to listen on.", rich_help_panel=_SERVER)] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, help="Port to listen on; 0 chooses a free one.", rich_help_panel=_SERVER
        ),
    ] = 8089,
    clock: Annotated[
        str | None,
        typer.Option(help="Start time of the clock, ISO 8601; default: now.", rich_help_panel=_SERVER),
    ] = None,
    access_log: Annotated[
        bool, typer.Option(help="Log each request on standard error.", rich_help_panel=_SERVER)
    ] = True,
    mode: Annotated[Mode, typer.Option(help="Class of app.", rich_help_panel=_APP)] = Mode.DEVELOPMENT,
    client_id: Annotated[
        str, typer.Option(help="The app's client id.", rich_help_panel=_APP)
    ] = DEFAULT_CLIENT_ID,
    client_secret: Annotated[
        str,
        typer.Option(
            help="The app's client secret.", envvar="SPOTIFY_SANDBOX_CLIENT_SECRET", rich_help_panel=_APP
        ),
    ] = DEFAULT_CLIENT_SECRET,
    catalog: Annotated[
        Path | None,
        typer.Option(help="Folder of catalogues; default: a generated one.", rich_help_panel=_CATALOG),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of the generated catalogue and of the users.", rich_help_panel=_CATALOG)
    ] = 1,
    size: Annotated[
        int, typer.Option(min=1, help="Approximate number of tracks.", rich_help_panel=_CATALOG)
    ] = 2000,
    users: Annotated[int, typer.Option(min=0, help="Number of users.", rich_help_panel=_USERS)] = 3,
    auto_approve: Annotated[
        str | None,
        typer.Option(metavar="USER", help="Agree to every login as this user.", rich_help_panel=_USERS),
    ] = None,
    refresh_token: Annotated[
        str | None,
        typer.Option(
            help="A refresh token of user --logged-in that is never rotated and never expires.",
            envvar="SPOTIFY_SANDBOX_REFRESH_TOKEN",
            rich_help_panel=_USERS,
        ),
    ] = None,
    logged_in: Annotated[
        str, typer.Option(metavar="USER", help="User of --refresh-token.", rich_help_panel=_USERS)
    ] = "listener1",
    rotation: Annotated[
        Rotation, typer.Option(help="When a refresh gives a new refresh token.", rich_help_panel=_USERS)
    ] = Rotation.SOMETIMES,
    playback: Annotated[
        Path | None, typer.Option(help="Folder of recorded responses to serve.", rich_help_panel=_PLAYBACK)
    ] = None,
    playback_links: Annotated[
        Links, typer.Option(help="How to serve links in recorded bodies.", rich_help_panel=_PLAYBACK)
    ] = Links.REWRITE,
    playback_miss: Annotated[
        Miss, typer.Option(help="Response to a request without a recording.", rich_help_panel=_PLAYBACK)
    ] = Miss.CATALOG,
) -> None:
    """Serve a stand-in for the Spotify Web API and its logins. The first line printed is its address.

    Tests and the demo control it over HTTP under /_sandbox: clock, faults, users, log of calls.
    """
    try:
        sandbox_clock = SandboxClock(parse_instant(clock) if clock else None)
    except ValueError as error:
        raise typer.BadParameter(
            f"--clock {clock!r} is not an ISO 8601 moment such as 2026-11-22T06:00:00Z"
        ) from error
    try:
        source: CatalogSource = FolderSource(catalog) if catalog else GeneratedSource(seed, size)
        authorizations = Authorizations(sandbox_clock, rotation)
        sandbox = Sandbox(
            mode,
            sandbox_clock,
            source,
            TokenService(sandbox_clock, client_id, client_secret, authorizations),
            seed=seed,
            user_count=users,
            playback=Playback(playback, playback_links, playback_miss) if playback else None,
        )
        sandbox.catalog()
        if auto_approve is not None:
            sandbox.consent.auto_user = sandbox.users.get(auto_approve).id
        if refresh_token is not None:
            user = sandbox.users.get(logged_in).id
            authorizations.grant(client_id, user, SCOPES, refresh_token=refresh_token, keeps_token=True)
        listener = _listen(host, port)
    except (CatalogError, PlaybackError, ValueError) as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"cannot listen on {host}:{port}: {error.strerror or error}; --port 0 takes a free port")
    logging.basicConfig(
        level=logging.INFO if access_log else logging.WARNING, format="%(message)s", stream=sys.stderr
    )
    # the sandbox sets its own Date header
    config = uvicorn.Config(
        build_app(sandbox),
        date_header=False,
        server_header=False,
        access_log=False,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=2,  # a scripted hang must not delay the stop
    )
    server_log = logging.getLogger("uvicorn.error")
    server_log.setLevel(logging.WARNING)
    server_log.addFilter(_is_not_scripted)
    typer.echo(f"http://{host}:{listener.getsockname()[1]}")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[listener])


def _is_not_scripted(record: logging.LogRecord) -> bool:
    """Leave out uvicorn's error about responses that the fault script cuts off."""
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
