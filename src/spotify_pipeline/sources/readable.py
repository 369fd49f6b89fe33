"""Checks, before any call, that the app and the users' logins are allowed to read all sources."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from spotify_pipeline.connections import login_command, user_connection
from spotify_pipeline.errors import PermissionDenied
from spotify_pipeline.sources.model import Source, SourceKind
from spotify_pipeline.spotify.endpoints import (
    ENDPOINTS,
    OWN_PLAYLIST_PREFIX,
    SEARCH_TEXT_MAX,
    SEARCH_TEXT_SAFE,
    AppClass,
)

ScopesOf = Callable[[str | None], Collection[str] | None]
"""Returns the scopes of a user by name; None if the user is not logged in."""


def unreadable(sources: Iterable[Source], app_class: AppClass, scopes: ScopesOf) -> list[str]:
    """Return a message for each source that cannot be read."""
    return [
        f"source '{source.name}' (line {source.line}, kind {source.kind.value}) {reason}"
        for source in sources
        if (reason := _reason(source, app_class, scopes(source.user))) is not None
    ]


def check_readable(sources: Iterable[Source], app_class: AppClass, scopes: ScopesOf) -> None:
    """Check that this app and the users' logins can read all sources.

    Raises:
        PermissionDenied: One cannot be read; the message names the first, the reason, and what to do.
    """
    reasons = unreadable(sources, app_class, scopes)
    if reasons:
        more = f" (and {len(reasons) - 1} more sources)" if len(reasons) > 1 else ""
        raise PermissionDenied(reasons[0] + more)


def warnings(sources: Iterable[Source]) -> list[str]:
    """Return a message for each id or search text that Spotify is likely to refuse."""
    found = []
    for source in sources:
        where = f"source '{source.name}' (line {source.line})"
        if source.kind is SourceKind.PLAYLIST:
            found += [
                f"{where}: {playlist_id} seems to be one of Spotify's own playlists, which apps cannot read "
                "since November 2024 (404)"
                for playlist_id in source.ids
                if playlist_id.startswith(OWN_PLAYLIST_PREFIX)
            ]
        found += [
            f"{where}: the search text {text[:40]!r} has {len(text)} characters; Spotify accepts "
            f"{SEARCH_TEXT_MAX} at most, and sometimes refuses more than {SEARCH_TEXT_SAFE}"
            for text in source.queries
            if len(text) > SEARCH_TEXT_SAFE
        ]
    return found


def _reason(source: Source, app_class: AppClass, scopes: Collection[str] | None) -> str | None:
    closed = [kind for kind in source.kind.request_kinds if app_class not in ENDPOINTS[kind].app_classes]
    if closed:
        return f"needs {ENDPOINTS[closed[0]].bucket}, which is closed to apps of class {app_class}: remove it"
    needed = source.kind.scopes
    if needed is None:
        return None
    connection = user_connection(source.user)
    if scopes is None:
        belongs = (
            "belongs to a user, and no user is logged in"
            if source.user is None
            else f"belongs to user '{source.user}', who is not logged in"
        )
        return f"{belongs}: run '{login_command(connection)}', or define connection '{connection}'"
    lacking = [scope for scope in needed if scope not in scopes]
    if lacking:
        return (
            f"needs the scope {' and '.join(lacking)}, which the login of connection '{connection}' does not "
            f"have: run '{login_command(connection)}' again and allow it"
        )
    return None
