"""Connections for commands: the environment's, else those of the embedded stack that runs here."""

from __future__ import annotations

import os

from spotify_pipeline import connections
from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.local import airflow_environment
from spotify_pipeline.local.stack import Stack
from spotify_pipeline.local.state import StackPaths


def environment_or_stack(conn_id: str) -> ConnectionInfo:
    """Read a connection from its variable, or take the running stack's where there is no variable.

    Raises:
        ConnectionMissing: neither of them has it.
        ConfigurationError: the variable cannot be read.
    """
    variable = connections.variable_name(conn_id)
    if not os.environ.get(variable):
        state = Stack(StackPaths.default()).state()
        if state is not None:
            return connections.from_environment(conn_id, airflow_environment.connection_variables(state))
    return connections.from_environment(conn_id)
