"""Checks settings and connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import httpx

from spotify_pipeline import connections
from spotify_pipeline.connections import ConnectionInfo, from_environment
from spotify_pipeline.doctor.finding import Finding, Findings, guarded
from spotify_pipeline.errors import PipelineError
from spotify_pipeline.lake import Lake
from spotify_pipeline.settings import Settings
from spotify_pipeline.sources import load_sources
from spotify_pipeline.spotify.transport import environment_errors, is_on_this_machine
from spotify_pipeline.warehouse.connection import connect

SECONDS = 10


def check_settings() -> Findings:
    """Check that the settings and sources.yml can be read."""
    try:
        settings = Settings.load()
        yield Finding("settings")
        load_sources(settings.sources)
    except PipelineError as error:
        yield Finding("settings and sources", str(error))
    else:
        yield Finding("list of sources")


def check_connections(environ: Mapping[str, str] | None = None) -> Findings:
    """Check that each connection is defined and that its server accepts the login."""
    for conn_id in connections.CONNECTION_IDS:
        yield from guarded(f"connection {conn_id}", partial(_check_connection, conn_id, environ))


def _check_connection(conn_id: str, environ: Mapping[str, str] | None) -> Findings:
    _reach(from_environment(conn_id, environ))
    yield Finding(f"connection {conn_id}")


def check_alert_channels(environ: Mapping[str, str] | None = None) -> Findings:
    """Check that the connections of the alert channels are defined; nothing is sent."""
    try:
        settings = Settings.load()
    except PipelineError:
        return  # reported by check_settings
    wanted = {
        settings.alerts_smtp_connection: settings.alerts_email_to,
        settings.alerts_slack_connection: settings.alerts_slack_connection,
    }
    for conn_id, used in wanted.items():
        if conn_id is None or not used:
            continue
        try:
            from_environment(conn_id, environ)
        except PipelineError as error:
            yield Finding(f"alerts through {conn_id}", f"alerts cannot be sent: {error}")
        else:
            yield Finding(f"alerts through {conn_id}")


def _reach(info: ConnectionInfo) -> None:
    reachers: dict[str, Callable[[ConnectionInfo], None]] = {
        connections.SPOTIFY_API: _spotify,
        connections.SPOTIFY_LAKE: lambda lake: Lake(lake).check(),
    }
    reachers.get(info.conn_id, _warehouse)(info)


def _warehouse(info: ConnectionInfo) -> None:
    with connect(info, application_name="spotify-pipeline-doctor", autocommit=True) as connection:
        connection.execute("SELECT 1")


def _spotify(info: ConnectionInfo) -> None:
    """Check that the addresses respond; the login is not checked, since that would cost a call."""
    info.require("login")
    info.require("password")
    for name in ("api_url", "accounts_url"):
        url = info.require(name)
        try:
            with environment_errors():
                httpx.get(url, timeout=SECONDS, trust_env=not is_on_this_machine(url))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PipelineError(
                f"connection '{info.conn_id}': nothing responds at {name} '{url}' ({type(error).__name__}): "
                "correct it, or let this machine reach it"
            ) from error
