"""Whether this app and login may read what sources.yml asks for, told before anything is called."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from spotify_pipeline.errors import PermissionDenied
from spotify_pipeline.sources.model import Source
from spotify_pipeline.spotify.endpoints import ENDPOINTS, AppClass


def unreadable(sources: Iterable[Source], app_class: AppClass, scopes: Collection[str] | None) -> list[str]:
    """A sentence for each source that cannot be read, in their order; `scopes` None: nobody is logged in."""
    return [
        f"source '{source.name}' (line {source.line}, kind {source.kind.value}) {reason}"
        for source in sources
        if (reason := _reason(source, app_class, scopes)) is not None
    ]


def check_readable(sources: Iterable[Source], app_class: AppClass, scopes: Collection[str] | None) -> None:
    """Refuse a list that this app or login cannot read in whole.

    Raises:
        PermissionDenied: the first source that cannot be read, why, the way out, and how many more there are.
    """
    faults = unreadable(sources, app_class, scopes)
    if faults:
        more = f" (and {len(faults) - 1} more sources)" if len(faults) > 1 else ""
        raise PermissionDenied(faults[0] + more)


def _reason(source: Source, app_class: AppClass, scopes: Collection[str] | None) -> str | None:
    closed = [kind for kind in source.kind.request_kinds if app_class not in ENDPOINTS[kind].app_classes]
    if closed:
        return f"needs {ENDPOINTS[closed[0]].bucket}, which is closed to apps of class {app_class}: remove it"
    needed = source.kind.scopes
    if needed is None:
        return None
    if scopes is None:
        return (
            "belongs to a user, and nobody is logged in: run 'spotify-pipeline auth login', or define "
            "connection 'spotify_user'"
        )
    lacking = [scope for scope in needed if scope not in scopes]
    if lacking:
        return (
            f"needs the scope {' and '.join(lacking)}, which the login does not have: run "
            "'spotify-pipeline auth login' again and allow it"
        )
    return None
