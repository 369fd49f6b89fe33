"""Removes the stored tokens of a user, of any connection."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from spotify_pipeline.connections import SPOTIFY_USER
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.settings import Settings
from spotify_pipeline.spotify.login import Login
from spotify_pipeline.spotify.login_store import FileLoginStore, FileState

Airflow = Callable[[Sequence[str]], str | None]
"""Runs `airflow` with arguments and returns its output, or None if it fails."""


def forget_logins(
    settings: Settings, airflow: Airflow | None, user_hash: str, dry_run: bool
) -> dict[str, int]:
    """Remove a user's tokens from the login files, the state file of the connection, and Airflow.

    Logins of other users stay.

    Args:
        settings: Settings with the path of the login files.
        airflow: Runs the `airflow` command; None if no Airflow can be reached from here.
        user_hash: Hash of the user.
        dry_run: Count only, remove nothing.

    Returns:
        Number of removed login files and of removed Airflow variables.

    Raises:
        ConfigurationError: a file has other content, can be read by others, or Airflow did not delete its
            variable.
    """
    removed = {"login files": 0, "Airflow variables": 0}
    path = settings.login_file
    for file in [path, *sorted(path.parent.glob(f"{path.stem}-*{path.suffix}"))]:
        store = FileLoginStore(file)
        if store.path.exists():
            with store.locked():
                if store.read().user_hash == user_hash:
                    removed["login files"] += 1
                    if not dry_run:
                        store.remove()
    successors = FileState(path.with_name(f"connection-{user_hash}.json"))
    if successors.path.exists():
        removed["login files"] += 1
        if not dry_run:
            successors.remove()
    if airflow is None:
        return removed
    for variable in _variables(airflow):
        if not _holds(airflow, variable, user_hash):
            continue
        removed["Airflow variables"] += 1
        if not dry_run and airflow(["variables", "delete", variable]) is None:
            raise ConfigurationError(
                f"Airflow did not delete its variable '{variable}': delete it under Admin → Variables and "
                "run this again"
            )
    return removed


def _variables(airflow: Airflow) -> list[str]:
    """Return the names of all Variables with tokens of users."""
    listed = airflow(["variables", "list", "--output", "plain"])
    return sorted(set(re.findall(rf"\b{SPOTIFY_USER}(?:_[a-z0-9_]+)?_token\b", listed or "")))


def _holds(airflow: Airflow, variable: str, user_hash: str) -> bool:
    text = airflow(["variables", "get", variable])
    if text is None:
        return False
    try:
        # lines of Airflow's log may precede it
        return Login.from_json(text[text.index("{") :], "the variable").user_hash == user_hash
    except (ConfigurationError, ValueError):
        return False
