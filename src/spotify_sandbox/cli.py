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
from spotify_sandbox.authorizations import SCOPES, Authorizations, Rotation
from spotify_sandbox.clock import SandboxClock, parse_instant
from spotify_sandbox.folder import FolderSource
from spotify_sandbox.generated import GeneratedSource
from spotify_sandbox.limits import Limiter, LimitSettings
from spotify_sandbox.playback import Links, Miss, Playback, PlaybackError
from spotify_sandbox.records import CatalogError, CatalogSource
from spotify_sandbox.render import Mode
from spotify_sandbox.state import Sandbox
from spotify_sandbox.tokens import TokenService

DEFAULT_CLIENT_ID = "sandbox-client-id"
DEFAULT_CLIENT_SECRET = "sandbox-client-secret"  # noqa: S105  opens nothing but a sandbox
_SERVER, _APP, _CATALOG = "Server", "App", "Catalogue"
_USERS, _LIMITS, _PLAYBACK = "Users and logins", "Limits", "Recorded responses"


def serve(  # noqa: PLR0917  typer passes by name
    host: Annotated[str, typer.Option(help="Address to listen on.", rich_help_panel=_SERVER)] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", rich_help_panel=_SERVER)
    ] = 8089,
    clock: Annotated[
        str | None,
        typer.Option(help="Moment to start at, ISO 8601; default: now.", rich_help_panel=_SERVER),
    ] = None,
    access_log: Annotated[
        bool, typer.Option(help="Log each request to the standard error.", rich_help_panel=_SERVER)
    ] = True,
    mode: Annotated[
        Mode, typer.Option(help="Class of app to play the API for.", rich_help_panel=_APP)
    ] = Mode.DEVELOPMENT,
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
        typer.Option(help="Folder of catalogues to serve; without it one is made.", rich_help_panel=_CATALOG),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of the generated catalogue and of the users.", rich_help_panel=_CATALOG)
    ] = 1,
    size: Annotated[
        int, typer.Option(min=1, help="Tracks of the generated catalogue, about.", rich_help_panel=_CATALOG)
    ] = 2000,
    users: Annotated[int, typer.Option(min=0, help="Users who can log in.", rich_help_panel=_USERS)] = 3,
    auto_approve: Annotated[
        str | None,
        typer.Option(metavar="USER", help="Answer every consent page for this user.", rich_help_panel=_USERS),
    ] = None,
    refresh_token: Annotated[
        str | None,
        typer.Option(
            help="A refresh token of listener1, good from the start: it is never rotated and does not die.",
            envvar="SPOTIFY_SANDBOX_REFRESH_TOKEN",
            rich_help_panel=_USERS,
        ),
    ] = None,
    rotation: Annotated[
        Rotation, typer.Option(help="When a refresh gives a new refresh token.", rich_help_panel=_USERS)
    ] = Rotation.SOMETIMES,
    rate_limit: Annotated[
        int | None, typer.Option(min=1, help="Requests in any 30 seconds.", rich_help_panel=_LIMITS)
    ] = None,
    quota: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BUCKET=N",
            help="Requests per quota window to an endpoint, such as '/v1/artists/{id}/albums=100'; "
            "may be given several times.",
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    quota_window: Annotated[
        float, typer.Option(min=0, help="Seconds until a quota's count begins anew.", rich_help_panel=_LIMITS)
    ] = 86_400.0,
    penalty: Annotated[
        float,
        typer.Option(
            min=0, help="Seconds that a request during a refusal adds to it.", rich_help_panel=_LIMITS
        ),
    ] = 0.0,
    playback: Annotated[
        Path | None, typer.Option(help="Folder of recorded responses to serve.", rich_help_panel=_PLAYBACK)
    ] = None,
    playback_links: Annotated[
        Links, typer.Option(help="Links in recorded bodies.", rich_help_panel=_PLAYBACK)
    ] = Links.REWRITE,
    playback_miss: Annotated[
        Miss, typer.Option(help="Answer to a request without a recording.", rich_help_panel=_PLAYBACK)
    ] = Miss.CATALOG,
) -> None:
    """Serve a stand-in for the Spotify Web API and its logins; the first line printed is its address.

    Tests and demos steer it over HTTP under /_sandbox: clock, faults, users, limits, what was called.
    """
    try:
        sandbox_clock = SandboxClock(parse_instant(clock) if clock else None)
    except ValueError as error:
        raise typer.BadParameter(
            f"--clock {clock!r} is no ISO 8601 moment such as 2026-11-22T06:00:00Z"
        ) from error
    try:
        quotas = dict(_quota(each) for each in quota or ())
        limits = LimitSettings(rate_limit, quotas, quota_window, penalty)
        source: CatalogSource = FolderSource(catalog) if catalog else GeneratedSource(seed, size)
        authorizations = Authorizations(sandbox_clock, rotation)
        sandbox = Sandbox(
            mode,
            sandbox_clock,
            source,
            TokenService(sandbox_clock, client_id, client_secret, authorizations),
            Limiter(sandbox_clock, limits),
            seed=seed,
            user_count=users,
            playback=Playback(playback, playback_links, playback_miss) if playback else None,
        )
        sandbox.catalog()
        if auto_approve is not None:
            sandbox.consent.auto_user = sandbox.users.get(auto_approve).id
        if refresh_token is not None:
            first = sandbox.users.get("listener1").id
            authorizations.grant(client_id, first, SCOPES, refresh_token=refresh_token)
        listener = _listen(host, port)
    except (CatalogError, PlaybackError, ValueError) as error:
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


def _quota(text: str) -> tuple[str, int]:
    bucket, _, count = text.rpartition("=")
    if not bucket or not count.isdecimal():
        raise ValueError(f"--quota {text!r} is not BUCKET=N, such as '/v1/artists/{{id}}/albums=100'")
    return bucket, int(count)


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
