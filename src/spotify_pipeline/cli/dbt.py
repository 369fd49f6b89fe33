"""dbt by hand against the warehouse of the running embedded stack."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from spotify_pipeline.cli.stack import orderly_exit
from spotify_pipeline.errors import ConfigurationError
from spotify_stack import airflow_environment
from spotify_stack.dbt_manifest import DBT_PROJECT
from spotify_stack.stack import Stack
from spotify_stack.state import StackPaths, StackState


def dbt(
    arguments: Annotated[list[str], typer.Argument(help="what dbt is to do: -- build --select dim_track")],
) -> None:
    """Run dbt as spotify_dbt against the running stack; its exit status is dbt's."""
    with orderly_exit():
        state = Stack(StackPaths.default()).state()
        if state is None:
            raise ConfigurationError("the stack is not running: 'make up' starts it")
        command = [str(Path(sys.executable).parent / "dbt"), *arguments]
        ended = subprocess.run(command, env=environment(state), check=False)  # noqa: S603 - the user's own
    raise typer.Exit(ended.returncode)


def environment(state: StackState) -> dict[str, str]:
    """What dbt needs to know; it writes into the stack's folder, away from what Airflow's tasks read."""
    return {
        **airflow_environment.inherited(),
        **airflow_environment.environment(state),
        "DBT_PROJECT_DIR": str(DBT_PROJECT),
        "DBT_PROFILES_DIR": str(DBT_PROJECT),
        "DBT_TARGET_PATH": str(state.paths.root / "dbt-target"),
    }
