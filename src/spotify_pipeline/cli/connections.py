"""Finds the connections of commands: in the environment, else those of the running embedded stack."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from spotify_pipeline import connections
from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import ConnectionMissing
from spotify_pipeline.maintenance.logins import Airflow
from spotify_pipeline.settings import PREFIX, Settings

AIRFLOW_SECONDS = 180


def environment_or_stack(conn_id: str) -> ConnectionInfo:
    """Read a connection from its environment variable, else from the running embedded stack.

    Raises:
        ConnectionMissing: neither has it.
        ConfigurationError: the variable cannot be read.
    """
    if os.environ.get(connections.variable_name(conn_id)):
        return connections.from_environment(conn_id)
    environment = _environment_of_stack()
    if environment is None:
        raise ConnectionMissing(
            f"connection '{conn_id}' is not defined, and no stack runs here: start one with 'make up', "
            f"or set the variable {connections.variable_name(conn_id)}"
        )
    return connections.from_environment(conn_id, environment)


def settings_or_stack() -> Settings:
    """Read the settings; with the connections of the embedded stack, its report folder is the default.

    Raises:
        ConfigurationError: a setting cannot be used.
    """
    settings = Settings.load()
    if os.environ.get(connections.variable_name(connections.WAREHOUSE_OWNER)):
        return settings
    folder = (_environment_of_stack() or {}).get(f"{PREFIX}REPORT_DIR")
    if settings.report_dir is not None or folder is None:
        return settings
    return settings.model_copy(update={"report_dir": Path(folder)})


def reachable_airflow() -> Airflow | None:
    """Return the Airflow of this shell's environment, else that of the running embedded stack, else None."""
    if any(name.startswith("AIRFLOW__DATABASE__") for name in os.environ):
        environment: Mapping[str, str] | None = os.environ
    else:
        environment = _environment_of_stack()
    if environment is None:
        return None
    return lambda arguments: _run_airflow(arguments, environment)


def _run_airflow(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    done = subprocess.run(  # noqa: S603 - our own Airflow, with the arguments of our own code
        [sys.executable, "-m", "airflow", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=AIRFLOW_SECONDS,
    )
    return done.stdout if done.returncode == 0 else None


def _environment_of_stack() -> Mapping[str, str] | None:
    """Return the environment of the running embedded stack, with its connections; None without a stack."""
    try:
        # a deployment has the commands without the packages of the embedded stack
        from spotify_stack import airflow_environment  # noqa: PLC0415
        from spotify_stack.stack import running_state  # noqa: PLC0415
    except ModuleNotFoundError:
        return None
    state = running_state()
    if state is None:
        return None
    airflow_environment.isolate()
    return airflow_environment.inherited() | airflow_environment.environment(state)
