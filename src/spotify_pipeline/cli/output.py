"""How commands print JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import typer


def print_json(value: Any) -> None:
    """Print a value as JSON that any terminal shows: letters as letters, control characters escaped."""
    typer.echo(to_json(value, encoding=sys.stdout.encoding))


def to_json(value: Any, *, encoding: str | None = "utf-8") -> str:
    """Return a value as JSON; dates and what else JSON cannot represent become text.

    Args:
        value: What is printed.
        encoding: Encoding of the terminal. If it lacks a letter, all letters outside ASCII are escaped. Lone
            surrogates and control characters are always escaped.
    """
    text = json.dumps(value, indent=2, default=str, ensure_ascii=False)
    text = "".join(
        letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1] for letter in text
    )
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return json.dumps(value, indent=2, default=str)
    return text
