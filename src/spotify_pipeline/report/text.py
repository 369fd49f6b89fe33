"""How values read on the page: names as they may be shown, numbers, dates of any precision."""

from __future__ import annotations

import unicodedata
from datetime import date
from urllib.parse import urlsplit

SPOTIFY_HOST = "open.spotify.com"


def clean(text: str | None) -> str:
    """Drop control and direction-override characters, which could disturb the text around a name."""
    shown = (c for c in text or "" if unicodedata.category(c) != "Cc" and c not in _OVERRIDES)
    return "".join(shown).strip()


_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def artist_name(name: str | None) -> str:
    """An artist's name, or words that say there is none."""
    return clean(name) or "(artist without a name)"


def title(name: str | None) -> str:
    """An album's or track's name; Spotify empties it after a takedown."""
    return clean(name) or "(no name)"


def spotify_link(url: str | None) -> str | None:
    """The URL when it leads to Spotify's own site, else None: nothing else becomes a link."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme == "https" and parts.netloc == SPOTIFY_HOST else None


def number(value: int) -> str:
    """12855 -> 12,855."""
    return f"{value:,}"


def signed(value: int) -> str:
    """4 -> +4, -4 -> \N{MINUS SIGN}4."""
    return f"+{value:,}" if value > 0 else f"{value:,}".replace("-", "\N{MINUS SIGN}")


def plural(value: int, word: str) -> str:
    """1 track, 2 tracks."""
    return f"{number(value)} {word}" if value == 1 else f"{number(value)} {word}s"


def playing_time(milliseconds: int) -> str:
    """Hours, or minutes below one hour."""
    minutes = round(milliseconds / 60_000)
    return f"{minutes} min" if minutes < 60 else f"{number(round(minutes / 60))} h"


def release_date(value: date, precision: str | None) -> str:
    """Only as much of the date as Spotify gave."""
    return value.isoformat()[: {"year": 4, "month": 7}.get(precision or "day", 10)]


def weekday(value: date) -> str:
    """English, whatever the locale of the worker."""
    names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    return names[value.weekday()]
