"""Tests that the tree in the docstring of errors.py is that of the classes."""

from __future__ import annotations

import inspect
import re

from spotify_pipeline import errors

CLASSES = {
    name: cls
    for name, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, errors.PipelineError)
}


def drawn() -> dict[str, str]:
    """Return the parent of each class, read from the indentation of the tree."""
    parents: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^( +(?:[│├└─ ]*))([A-Z]\w+)", line)
        if not found:
            continue
        depth, name = len(found.group(1)), found.group(2)
        while path and path[-1][0] >= depth:
            path.pop()
        if path:
            parents[name] = path[-1][1]
        path.append((depth, name))
    return parents


def test_every_error_is_drawn_below_its_base() -> None:
    real = {
        name: cls.__bases__[0].__name__ for name, cls in CLASSES.items() if cls is not errors.PipelineError
    }
    assert drawn() == real


def test_every_error_is_transient_or_terminal_and_not_both() -> None:
    leaves = set(CLASSES.values()) - {errors.PipelineError}
    for cls in leaves:
        assert issubclass(cls, errors.TransientError) != issubclass(cls, errors.TerminalError), cls
