"""Connections of the client, and the type of the fixtures that create clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.spotify.client import SpotifyClient
from spotify_pipeline.spotify.endpoints import AppClass
from spotify_pipeline.spotify.transport import RetryPolicy

NO_WAITING = RetryPolicy(attempts=3, wait_initial=0.0, wait_max=0.0, wait_jitter=0.0)
ClientMaker = Callable[..., SpotifyClient]


def connection(
    api_url: str, accounts_url: str, app_class: str = AppClass.DEVELOPMENT, **changes: Any
) -> ConnectionInfo:
    extra = {"api_url": api_url, "accounts_url": accounts_url, "app_class": app_class}
    fields = {"login": "client", "password": "not-the-real-word", **changes}
    return ConnectionInfo("spotify_api", extra=extra, **fields)
