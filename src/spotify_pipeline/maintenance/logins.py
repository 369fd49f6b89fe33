"""Removing the stored tokens of a user."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.settings import Settings
from spotify_pipeline.spotify.login import Login
from spotify_pipeline.spotify.login_store import FileLoginStore, FileState

AIRFLOW_VARIABLE = "spotify_user_token"
"""Airflow variable in which tasks store refreshed tokens; see orchestration/tasks/login_state.py."""
Airflow = Callable[[Sequence[str]], str | None]
"""Runs `airflow` with arguments and returns its output, or None if it fails."""


def forget_logins(
    settings: Settings, airflow: Airflow | None, user_hash: str, dry_run: bool
) -> dict[str, int]:
    """Remove a user's tokens from the login file, from the state file of the connection and from Airflow.

    A login of another user stays.

    Args:
        settings: Settings with the path of the login file.
        airflow: Runs the `airflow` command; None where no Airflow can be reached from here.
        user_hash: Hash of the user.
        dry_run: Count only, remove nothing.

    Returns:
        Number of removed login files and of removed Airflow variables.

    Raises:
        ConfigurationError: a file has other content, can be read by others, or Airflow did not delete its
            variable.
    """
    removed = {"login files": 0, "Airflow variables": 0}
    store = FileLoginStore(settings.login_file)
    if store.path.exists():
        with store.locked():
            if store.read().user_hash == user_hash:
                removed["login files"] += 1
                if not dry_run:
                    store.remove()
    successors = FileState(settings.login_file.with_name(f"connection-{user_hash}.json"))
    if successors.path.exists():
        removed["login files"] += 1
        if not dry_run:
            successors.remove()
    if airflow is not None and _holds(airflow, user_hash):
        removed["Airflow variables"] += 1
        if not dry_run and airflow(["variables", "delete", AIRFLOW_VARIABLE]) is None:
            raise ConfigurationError(
                f"Airflow did not delete its variable '{AIRFLOW_VARIABLE}': delete it under Admin → "
                "Variables and run this again"
            )
    return removed


def _holds(airflow: Airflow, user_hash: str) -> bool:
    text = airflow(["variables", "get", AIRFLOW_VARIABLE])
    if text is None:
        return False
    try:
        # lines of Airflow's log may precede it
        return Login.from_json(text[text.index("{") :], "the variable").user_hash == user_hash
    except (ConfigurationError, ValueError):
        return False
