"""`spotify-pipeline auth`: log a user in, show the login, give it to Airflow, remove it."""

from __future__ import annotations

import re
import webbrowser
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from spotify_pipeline import connections
from spotify_pipeline.cli.connections import environment_or_stack
from spotify_pipeline.cli.output import Json, print_json
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.settings import Settings
from spotify_pipeline.spotify.account_ids import AccountKey
from spotify_pipeline.spotify.authorization import AuthorizationRequest, CallbackServer, exchange
from spotify_pipeline.spotify.client import (
    DEFAULT_ACCOUNTS_URL,
    DEFAULT_API_URL,
    address_of,
)
from spotify_pipeline.spotify.endpoints import Scope
from spotify_pipeline.spotify.login import WARNING_DAYS, Login
from spotify_pipeline.spotify.login_store import FileLoginStore
from spotify_pipeline.spotify.transport import Transport

app = typer.Typer(no_args_is_help=True, help="Log a Spotify user in, and show the login.")

UserOption = Annotated[
    str | None,
    typer.Option(
        "--user",
        metavar="NAME",
        help="Name of the user in sources.yml; the connection is spotify_user_NAME. Default: spotify_user.",
    ),
]
FileOption = Annotated[
    Path | None,
    typer.Option("--file", help="File of the login. Default: SPOTIFY_PIPELINE_LOGIN_FILE, with the name."),
]


@app.command()
def login(
    user: UserOption = None,
    file: FileOption = None,
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the redirect URI http://127.0.0.1:PORT/callback.")
    ] = 8888,
    browser: Annotated[bool, typer.Option(help="Open the browser; otherwise only print the address.")] = True,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="Request only this scope; can be repeated. Default: all.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for the browser.")] = 300,
) -> None:
    """Log a user in through the browser, with the app of connection spotify_api."""
    settings = Settings.load()
    api = connections.from_environment(connections.SPOTIFY_API)
    key = AccountKey.from_connection(environment_or_stack(connections.SPOTIFY_ACCOUNT_KEY))
    api_url = address_of(api, "api_url", DEFAULT_API_URL)
    accounts_url = address_of(api, "accounts_url", DEFAULT_ACCOUNTS_URL)
    store = _store(user, file, settings)
    with CallbackServer(port) as server:
        request = AuthorizationRequest.new(
            accounts_url, api.require("login"), server.redirect_uri, scope or list(Scope)
        )
        typer.echo(f"Log in and agree on this page:\n{request.url}")
        if browser and not webbrowser.open(request.url):
            typer.echo("No browser could be opened: open the address yourself.", err=True)
        code = server.wait_for_code(request.state, timeout)
    transport = Transport(
        api_url, timeout=settings.request_timeout, max_response_bytes=settings.max_response_bytes
    )
    try:
        made = exchange(transport, api_url, request, code, key)
    finally:
        transport.close()
    with store.locked():
        store.write(replace(made, connection=connections.user_connection(user)))
    typer.echo(f"Logged in as user {made.user_hash} until {made.ends_on}; kept in {store.path}.")


@app.command()
def status(user: UserOption = None, file: FileOption = None, *, as_json: Json = False) -> None:
    """Show the login, its scopes and the days that are left. The exit status is 1 if the login has ended."""
    found = _store(user, file).read()
    left = found.days_left(datetime.now(UTC).date())
    again = connections.login_command(connections.user_connection(user))
    if as_json:
        fields = {"user": found.user_hash, "scopes": found.scopes}
        print_json(fields | {"ends_on": found.ends_on, "days_left": left})
    else:
        typer.echo(f"user    {found.user_hash}\nscopes  {' '.join(found.scopes)}")
        typer.echo(f"ends    {found.ends_on}, {left} days left")
    if left <= 0:
        typer.echo(f"error: the login has ended: run '{again}'", err=True)
        raise typer.Exit(1)
    if left <= WARNING_DAYS:
        typer.echo(f"warning: log in again soon: run '{again}'", err=True)


@app.command()
def connection(
    user: UserOption = None,
    file: FileOption = None,
    keep: Annotated[bool, typer.Option(help="Keep the login on this machine too.")] = False,
) -> None:
    """Print the login as the variable of its connection in Airflow, a secret, and delete it here.

    Only one place may keep a login: with two, a refresh in one place can make the login invalid in the other.
    """
    store = _store(user, file)
    with store.locked():
        found: Login = store.read()
        variable = connections.variable_name(connections.user_connection(user))
        typer.echo(f"{variable}='{found.to_connection()}'")
        if not keep:
            store.remove()


@app.command()
def key() -> None:
    """Make an account key and print it as connection spotify_account_key, a secret.

    Make one key for each installation, once. Users are stored by a hash that only this key can compute.
    """
    typer.echo(AccountKey.new().to_connection())


@app.command()
def logout(user: UserOption = None, file: FileOption = None) -> None:
    """Delete the login from this machine. The app keeps its access until the user removes it at Spotify."""
    store = _store(user, file)
    with store.locked():
        known = store.remove()
    typer.echo("Logged out." if known else "No user was logged in.")
    if known:
        typer.echo("To end it at Spotify too, remove the app on https://www.spotify.com/account/apps/")


def _store(user: str | None, file: Path | None, settings: Settings | None = None) -> FileLoginStore:
    if user is not None and not re.fullmatch(connections.USER_NAME, user):
        raise ConfigurationError(
            f"{user!r} cannot be the name of a user: 1 to 40 lower-case letters, digits and _, a letter first"
        )
    path = file or (settings or Settings.load()).login_file_of(user)
    return FileLoginStore(path, connections.user_connection(user))
