"""Finds the Postgres programs that commands call: psql, pg_dump, pg_restore."""

from __future__ import annotations

import shutil

from spotify_pipeline.errors import ConfigurationError


def postgres_program(name: str, otherwise: str, *, newest: bool = False) -> str:
    """Return the path of a program, from the PATH or from the packages of the embedded stack.

    Args:
        name: Its name.
        otherwise: An alternative for the user, which completes the error message.
        newest: Whether the embedded stack's program is preferred, since pg_dump refuses a newer server.

    Raises:
        ConfigurationError: there is none.
    """
    found = [path for path in (shutil.which(name), _bundled(name)) if path is not None]
    if not found:
        raise ConfigurationError(f"{name} is not installed: install it, or {otherwise}")
    return found[-1] if newest else found[0]


def _bundled(name: str) -> str | None:
    try:
        # a deployment has this command without the packages of the embedded stack
        from spotify_stack.postgres import binaries  # noqa: PLC0415

        path = binaries() / name
    except (ModuleNotFoundError, ConfigurationError):
        return None
    return str(path) if path.is_file() else None
