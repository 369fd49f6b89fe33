"""Become one service of a stack: `python -m spotify_stack.launch SERVICE`, run by the supervisor.

The command line and the environment are worked out at every start, from the files of the stack, so no
password stands in the supervisor's configuration, and other options need no new one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from spotify_stack import airflow_environment, processes, services, state


def main(name: str) -> None:
    """Replace this process by the service `name` of the stack that the environment names."""
    paths = state.StackPaths(Path(os.environ[state.STACK_VARIABLE]))
    # what a killed predecessor left behind holds its port, its data folder or its tasks
    processes.end_survivors(paths, service=name, grace=2)
    service = services.all_services(state.load(paths))[name]
    service.prepare()
    marks = {state.STACK_VARIABLE: str(paths.root), state.SERVICE_VARIABLE: name}
    environment = airflow_environment.inherited() | dict(service.environment) | marks
    os.chdir(paths.root)
    os.execvpe(service.command[0], service.command, environment)  # noqa: S606 - our own command line


if __name__ == "__main__":
    main(sys.argv[1])
