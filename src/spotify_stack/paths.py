"""The files and folders of a stack."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from spotify_pipeline.settings import PROJECT_ROOT

# the script, not `-m airflow`: dbt inspects the call stack in each task, and for the frames of `-m`, which
# belong to no module, Python searches all modules each time
AIRFLOW_COMMAND = (sys.executable, str(Path(sys.executable).with_name("airflow")))

FOLDER_VARIABLE = "SPOTIFY_PIPELINE_STACK_DIR"


@dataclass(frozen=True)
class StackPaths:
    """Paths of a stack; everything it writes is under `root`."""

    root: Path

    @classmethod
    def default(cls) -> StackPaths:
        """Return `build/stack` of the project, or the folder in SPOTIFY_PIPELINE_STACK_DIR."""
        return cls(Path(os.environ.get(FOLDER_VARIABLE) or PROJECT_ROOT / "build" / "stack").resolve())

    @classmethod
    def own(cls) -> StackPaths:
        """Return the folder for data of the user's own app: `build/own`, or SPOTIFY_PIPELINE_STACK_DIR."""
        return cls(Path(os.environ.get(FOLDER_VARIABLE) or PROJECT_ROOT / "build" / "own").resolve())

    def exists(self) -> bool:
        """Return whether a stack was started in this folder before."""
        return self.state.exists() and self.secrets.exists()

    @property
    def state(self) -> Path:
        """File of the ports and the options of the sandbox."""
        return self.root / "stack.json"

    @property
    def secrets(self) -> Path:
        """File of the passwords and keys, readable by the owner only."""
        return self.root / "secrets.json"

    @property
    def sources(self) -> Path:
        """The sources.yml of the stack: a link to the user's list, or a list for the sandbox."""
        return self.root / "sources.yml"

    @property
    def logs(self) -> Path:
        """Folder of the logs of the services."""
        return self.root / "logs"

    @property
    def reports(self) -> Path:
        """Folder of copies of the reports."""
        return self.root / "reports"

    @property
    def dbt_docs(self) -> Path:
        """Folder of dbt's documentation, for Airflow's UI."""
        return self.root / "dbt-docs"

    @property
    def lineage(self) -> Path:
        """Folder of lineage events, one file each, if they are on."""
        return self.root / "lineage"

    @property
    def alerts(self) -> Path:
        """File of the alerts, one line of JSON each; absent before the first alert."""
        return self.root / "alerts.ndjson"

    @property
    def airflow_home(self) -> Path:
        """AIRFLOW_HOME: configuration and logs of tasks."""
        return self.root / "airflow"

    @property
    def broker(self) -> Path:
        """Folder of the broker's data and configuration, if there are Celery workers."""
        return self.root / "broker"

    def worker(self, name: str) -> Path:
        """Return the folder that stands for the disk of a Celery worker's machine."""
        return self.root / "workers" / name

    @property
    def temporary(self) -> Path:
        """TMPDIR of Airflow's processes; a full start empties it."""
        return self.root / "tmp"

    @property
    def supervisor_config(self) -> Path:
        """Configuration of supervisord, readable by the owner only."""
        return self.root / "supervisord.conf"

    def log(self, service: str) -> Path:
        """Return the path of the log of a service."""
        return self.logs / f"{service}.log"
