"""Checks `next` links: a link must stay on the API's own host and path."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlsplit

from spotify_pipeline.errors import UnsafeLink
from spotify_pipeline.spotify.endpoints import is_plain_path

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LINK_MAX = 8192


@dataclass(frozen=True)
class Link:
    """A checked link: `path` below the API's address, and the query as sorted pairs."""

    path: str
    params: tuple[tuple[str, str], ...]


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)


def check_link(url: str, api_url: str) -> Link:
    """Check that a link leads to `api_url` (scheme, host, port and path prefix), and parse it.

    Raises:
        UnsafeLink: It leads elsewhere, or has a login, a fragment, or a path that could leave the prefix.
    """
    if len(url) > _LINK_MAX:
        raise UnsafeLink(f"a link of {len(url)} characters is refused: {url[:80]!r}…")
    api = urlsplit(api_url)
    prefix = api.path.rstrip("/") + "/"
    try:
        parts = urlsplit(url)
        same_origin = _origin(parts) == _origin(api)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise UnsafeLink(f"a link that cannot be read is refused: {url!r}") from None
    path = "/" + parts.path[len(prefix) :]
    if not same_origin or parts.username is not None or parts.password is not None:
        raise UnsafeLink(
            f"a link leads away from {api.scheme}://{api.netloc} and is refused: {_shown(parts)}"
        )
    if not parts.path.startswith(prefix) or not is_plain_path(path) or parts.fragment:
        raise UnsafeLink(f"a link leads outside {api_url} and is refused: {_shown(parts)}")
    if len({name for name, _ in pairs}) != len(pairs):
        raise UnsafeLink(f"a link names a parameter twice and is refused: {url!r}")
    return Link(path, tuple(sorted(pairs)))


def _shown(parts: SplitResult) -> str:
    """Return where a link leads, without its query and login."""
    origin = f"{parts.scheme}://{parts.hostname or ''}" if parts.scheme else ""
    return repr(origin + parts.path)
