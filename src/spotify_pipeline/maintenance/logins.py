"""The tokens of a user, wherever the command line can reach them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.settings import Settings
from spotify_pipeline.spotify.login import Login
from spotify_pipeline.spotify.login_store import FileLoginStore, FileState
from spotify_stack import airflow_environment
from spotify_stack.stack import Stack
from spotify_stack.state import StackPaths

AIRFLOW_VARIABLE = "spotify_user_token"
"""Where tasks keep a connection's refreshed tokens; see orchestration/login_state.py."""
Airflow = Callable[[Sequence[str]], str | None]
"""Runs `airflow` with arguments; its output, None where it fails."""


def forget_logins(
    settings: Settings, airflow: Airflow | None, user_hash: str, dry_run: bool
) -> dict[str, int]:
    """Remove the login file, the successors of a connection's tokens, and Airflow's variable of them.

    A login of another user stays. `airflow` None: no Airflow can be reached from here.

    Raises:
        ConfigurationError: a file holds something else, or others may read it.
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
        # Airflow's own lines of log may stand before it
        return Login.from_json(text[text.index("{") :], "the variable").user_hash == user_hash
    except (ConfigurationError, ValueError):
        return False


def reachable_airflow(environ: Mapping[str, str] | None = None) -> Airflow | None:
    """The Airflow that this shell is set up for, else that of the running embedded stack."""
    given = dict(os.environ if environ is None else environ)
    if any(name.startswith("AIRFLOW__DATABASE__") for name in given):
        return lambda arguments: _run(arguments, given)
    state = Stack(StackPaths.default()).state()
    if state is None:
        return None
    of_stack = airflow_environment.inherited(given) | airflow_environment.environment(state)
    return lambda arguments: _run(arguments, of_stack)


def _run(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    done = subprocess.run(  # noqa: S603 - our own Airflow, with arguments of this file
        [sys.executable, "-m", "airflow", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    return done.stdout if done.returncode == 0 else None
