"""Where bugs are planted: public names, and the SQL statements that reach the connection.

A private name may change in any refactoring, and the bug would then be planted nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql


def patch(target: Any, name: str, value: Any) -> None:
    """Replace a public attribute in this process.

    Raises:
        AttributeError: there is no such attribute, so nothing would call the bug.
        ValueError: the name is private.
    """
    if name.startswith("_"):
        raise ValueError(f"{name} is private: plant the bug at a public name")
    if not hasattr(target, name):
        raise AttributeError(f"{target} has no {name}")
    setattr(target, name, value)


def rewrite_sql(change: Callable[[str], str]) -> None:
    """Change every statement before it is sent."""
    execute = psycopg.Cursor.execute

    def rewritten(cursor: psycopg.Cursor[Any], query: Any, *arguments: Any, **options: Any) -> Any:
        text = _text(query, cursor)
        changed = change(text)
        return execute(cursor, query if changed == text else changed.encode(), *arguments, **options)

    patch(psycopg.Cursor, "execute", rewritten)


def substitute_sql(pattern: str, replacement: str, *, within: str = "") -> None:
    """Replace what matches `pattern` in every statement that contains a match of `within`."""

    def change(statement: str) -> str:
        return re.sub(pattern, replacement, statement) if re.search(within, statement) else statement

    rewrite_sql(change)


def commit_around(pattern: str, *, before: bool) -> None:
    """Commit before or after each statement that contains a match of `pattern`."""
    execute = psycopg.Cursor.execute

    def committing(cursor: psycopg.Cursor[Any], query: Any, *arguments: Any, **options: Any) -> Any:
        matches = re.search(pattern, _text(query, cursor))
        if matches and before:
            cursor.connection.commit()
        done = execute(cursor, query, *arguments, **options)
        if matches and not before:
            cursor.connection.commit()
        return done

    patch(psycopg.Cursor, "execute", committing)


def _text(query: Any, cursor: psycopg.Cursor[Any]) -> str:
    if isinstance(query, sql.Composable):
        return query.as_string(cursor)
    return query.decode() if isinstance(query, bytes) else str(query)
