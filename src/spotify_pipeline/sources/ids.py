"""Parses Spotify ids as users write them: bare, as a URI, or as a link."""

from __future__ import annotations

import re

from spotify_pipeline.spotify.endpoints import ID_PATTERN

# playlists were once addressed below their owner
_URI = re.compile(r"spotify:(?:user:[^:]+:(?=playlist:))?([a-z]+):([^:]*)")
_URL = re.compile(
    r"https?://(?:open|play)\.spotify\.com/(?:intl-[a-z]{2,3}(?:-[A-Za-z]+)?/)?(?:embed/)?(?:user/[^/?#]+/(?=playlist/))?([a-z]+)/([^/?#]+)/?(?:[?#].*)?"
)


def normalise_id(text: str, kind: str) -> str:
    """Return the bare id of a record of kind `kind`.

    Raises:
        ValueError: It is not an id, or the id of another kind; the message says what is allowed.
    """
    text = text.strip()
    found = _URI.fullmatch(text) or _URL.fullmatch(text)
    named, bare = (found[1], found[2]) if found else (kind, text)
    if named != kind:
        raise ValueError(f"{text!r} is the address of {_a(named)}, but this source lists ids of kind {kind}")
    if not ID_PATTERN.fullmatch(bare):
        raise ValueError(
            f"{text!r} is not a Spotify {kind} id; allowed: 22 letters and digits, spotify:{kind}:ID, or "
            f"https://open.spotify.com/{kind}/ID"
        )
    return bare


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
