"""Checking, before any call, that this app and login may read what sources.yml lists."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from spotify_pipeline.errors import PermissionDenied
from spotify_pipeline.sources.model import Source
from spotify_pipeline.spotify.endpoints import ENDPOINTS, AppClass


def unreadable(sources: Iterable[Source], app_class: AppClass, scopes: Collection[str] | None) -> list[str]:
    """Return a sentence for each source that cannot be read; `scopes` is None without a login."""
    return [
        f"source '{source.name}' (line {source.line}, kind {source.kind.value}) {reason}"
        for source in sources
        if (reason := _reason(source, app_class, scopes)) is not None
    ]


def check_readable(sources: Iterable[Source], app_class: AppClass, scopes: Collection[str] | None) -> None:
    """Check that this app and login can read all sources.

    Raises:
        PermissionDenied: One cannot be read; the message names the first, the reason, and what to do.
    """
    reasons = unreadable(sources, app_class, scopes)
    if reasons:
        more = f" (and {len(reasons) - 1} more sources)" if len(reasons) > 1 else ""
        raise PermissionDenied(reasons[0] + more)


def _reason(source: Source, app_class: AppClass, scopes: Collection[str] | None) -> str | None:
    closed = [kind for kind in source.kind.request_kinds if app_class not in ENDPOINTS[kind].app_classes]
    if closed:
        return f"needs {ENDPOINTS[closed[0]].bucket}, which is closed to apps of class {app_class}: remove it"
    needed = source.kind.scopes
    if needed is None:
        return None
    if scopes is None:
        return (
            "belongs to a user, and no user is logged in: run 'spotify-pipeline auth login', or define "
            "connection 'spotify_user'"
        )
    lacking = [scope for scope in needed if scope not in scopes]
    if lacking:
        return (
            f"needs the scope {' and '.join(lacking)}, which the login does not have: run "
            "'spotify-pipeline auth login' again and allow it"
        )
    return None
