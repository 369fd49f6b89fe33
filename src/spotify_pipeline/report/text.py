"""Formats values for the pages: names, numbers, links, and dates of any precision."""

from __future__ import annotations

import unicodedata
from datetime import date
from urllib.parse import urlsplit

SPOTIFY_HOST = "open.spotify.com"


def clean(text: str | None) -> str:
    """Remove control and direction-override characters, which can disturb the text around a name."""
    shown = (c for c in text or "" if unicodedata.category(c) != "Cc" and c not in _OVERRIDES)
    return "".join(shown).strip()


_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def artist_name(name: str | None) -> str:
    """Return an artist's name, or a placeholder."""
    return clean(name) or "(artist without a name)"


def title(name: str | None) -> str:
    """Return an album's or track's name, or a placeholder, since Spotify empties names after a takedown."""
    return clean(name) or "(no name)"


def spotify_link(url: str | None) -> str | None:
    """Return the URL if it leads to Spotify's own site, else None."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme == "https" and parts.netloc == SPOTIFY_HOST else None


def number(value: int) -> str:
    """Format 12855 as 12,855."""
    return f"{value:,}"


def signed(value: int) -> str:
    """Format 4 as +4, and -4 as \N{MINUS SIGN}4."""
    return f"+{value:,}" if value > 0 else f"{value:,}".replace("-", "\N{MINUS SIGN}")


def plural(value: int, word: str) -> str:
    """Format a number with its word, as in 1 track, 2 tracks."""
    return f"{number(value)} {word}" if value == 1 else f"{number(value)} {word}s"


def playing_time(milliseconds: int) -> str:
    """Format a duration in hours, or in minutes below one hour."""
    minutes = round(milliseconds / 60_000)
    return f"{minutes} min" if minutes < 60 else f"{number(round(minutes / 60))} h"


def release_date(value: date, precision: str | None) -> str:
    """Format a date with the precision that Spotify gives: year, month or day."""
    return value.isoformat()[: {"year": 4, "month": 7}.get(precision or "day", 10)]


def weekday(value: date) -> str:
    """Return the English name of a weekday, independent of the worker's locale."""
    names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    return names[value.weekday()]
