"""Entry point of each service: `python -m spotify_stack.launch SERVICE`, run by the supervisor.

Command line and environment are computed at every start from the files of the stack. So the configuration of
the supervisor has no passwords of services, and does not change when options change.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from spotify_stack import airflow_environment, processes, services, state
from spotify_stack.paths import StackPaths


def main(name: str) -> None:
    """Replace this process by the service `name` of the stack that the environment variable names."""
    paths = StackPaths(Path(os.environ[state.STACK_VARIABLE]))
    # processes of a killed predecessor may still use its port, its data folder or its tasks
    processes.end_survivors(paths, service=name, grace=2)
    service = services.all_services(state.load(paths))[name]
    service.prepare()
    marks = {state.STACK_VARIABLE: str(paths.root), state.SERVICE_VARIABLE: name}
    environment = airflow_environment.inherited() | dict(service.environment) | marks
    os.chdir(paths.root)
    os.execvpe(service.command[0], service.command, environment)  # noqa: S606 - our own command line


if __name__ == "__main__":
    main(sys.argv[1])
