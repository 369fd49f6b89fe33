"""Connections for commands: the environment's, else those of the embedded stack that runs here."""

from __future__ import annotations

import os
from collections.abc import Mapping

from spotify_pipeline import connections
from spotify_pipeline.connections import ConnectionInfo


def environment_or_stack(conn_id: str) -> ConnectionInfo:
    """Read a connection from its variable, or take the running stack's where there is no variable.

    Raises:
        ConnectionMissing: neither of them has it.
        ConfigurationError: the variable cannot be read.
    """
    if os.environ.get(connections.variable_name(conn_id)):
        return connections.from_environment(conn_id)
    return connections.from_environment(conn_id, _of_stack())


def _of_stack() -> Mapping[str, str] | None:
    try:
        # a deployment has these commands without the packages of the embedded stack
        from spotify_stack import airflow_environment  # noqa: PLC0415
        from spotify_stack.stack import Stack  # noqa: PLC0415
        from spotify_stack.state import StackPaths  # noqa: PLC0415
    except ModuleNotFoundError:
        return None
    state = Stack(StackPaths.default()).state()
    return None if state is None else airflow_environment.connection_variables(state)
