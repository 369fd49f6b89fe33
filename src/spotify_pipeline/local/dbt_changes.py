"""What a change does to the dbt project: `python -m spotify_pipeline.local.dbt_changes --base REF`.

Compares the project with that of another commit by dbt's own `state:` selectors, builds what is modified,
what that needs and what follows from it on a scratch Postgres, and writes a page for a pull request. Staging
is migrated and empty there: SQL, contracts and the tests' SQL are proved, not data.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated

import typer

from spotify_pipeline.connections import WAREHOUSE_OWNER, ConnectionInfo
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.local.airflow_environment import inherited
from spotify_pipeline.local.child import running
from spotify_pipeline.local.commands import orderly_exit
from spotify_pipeline.local.ports import HOST, PortReservation
from spotify_pipeline.local.postgres import PostgresServer
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_pipeline.warehouse import migrate, roles

FIRST_PORT = 15_900
DATABASE = "warehouse"
# opens a server that lives for some seconds, on loopback
SCRATCH = "scratch"
NOTHING = "The dbt project is the same."


@dataclass(frozen=True)
class Change:
    """Names of nodes by resource type, and whether building them succeeded (None: nothing was built)."""

    modified: Mapping[str, list[str]]
    affected: Mapping[str, list[str]]
    built: bool | None

    def markdown(self) -> str:
        """A page for people."""
        if not self.modified:
            return NOTHING + "\n"
        lines = ["### dbt", ""]
        outcome = "succeeded" if self.built else "**failed**: see the job's log"
        lines += [f"Building it on a scratch Postgres {outcome}.", ""]
        for title, nodes in (("Changed", self.modified), ("Affected by it", self.affected)):
            lines.append(f"**{title}**")
            lines += [f"- {kind}: {_enumerated(kind, names)}" for kind, names in nodes.items()]
            lines += [] if nodes else ["- nothing"]
            lines.append("")
        return "\n".join(lines)


def _enumerated(kind: str, names: list[str]) -> str:
    return str(len(names)) if kind.endswith("test") else ", ".join(f"`{name}`" for name in names)


def base_project(ref: str, folder: Path) -> Path:
    """The dbt project of commit `ref`, unpacked into `folder`.

    Raises:
        ConfigurationError: git knows no such commit, or it has no dbt project.
    """
    done = subprocess.run(  # noqa: S603 - git takes the name as one argument
        ["git", "archive", "--format=tar", ref, "dbt"],  # noqa: S607
        cwd=PROJECT_ROOT,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        reason = done.stderr.decode().strip().splitlines()[-1]
        raise ConfigurationError(
            f"the dbt project of '{ref}' cannot be had from git ({reason}): fetch it first"
        )
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "dbt"


def compare(base: Path, project: Path, folder: Path) -> Change:
    """Compare two dbt projects and build the difference; `folder` is for what dbt and Postgres write.

    Raises:
        ConfigurationError: dbt cannot read one of the projects; its words are on the terminal.
    """
    state = folder / "state"
    _dbt(["parse"], base, state)
    target = folder / "target"
    selected = ["--state", str(state), "--select"]
    modified = _listed([*selected, "state:modified"], project, target)
    if not modified:
        return Change({}, {}, None)
    following = _listed([*selected, "state:modified+"], project, target)
    affected = {
        kind: rest
        for kind, names in following.items()
        if (rest := [name for name in names if name not in modified.get(kind, [])])
    }
    with _warehouse(folder) as environment:
        # what is modified needs its parents, which a scratch database has not; "cautious" leaves out tests
        # that ask for a parent beside these
        command = ["build", "--indirect-selection", "cautious", *selected, "+state:modified+"]
        built = _run(command, project, target, environment).returncode == 0
    return Change(modified, affected, built)


@contextmanager
def _warehouse(folder: Path) -> Iterator[dict[str, str]]:
    """A scratch warehouse: the variables with which dbt reaches it."""
    with PortReservation() as reservation:
        port = reservation.choose(FIRST_PORT)
        server = PostgresServer(folder / "postgres", port, SCRATCH, durable=False)
        server.initialise()
        log = folder / "postgres.log"
        with running(server.command(), check=server.check, log=log, what="scratch Postgres"):
            roles.bootstrap(server.url(), dict.fromkeys(roles.ROLES, SCRATCH), database=DATABASE)
            owner = ConnectionInfo(WAREHOUSE_OWNER, "postgres", HOST, port, roles.OWNER, SCRATCH, DATABASE)
            migrate.migrate(owner)
            yield {
                "WAREHOUSE_HOST": HOST,
                "WAREHOUSE_PORT": str(port),
                "WAREHOUSE_DATABASE": DATABASE,
                "WAREHOUSE_USER": roles.DBT,
                "DBT_ENV_SECRET_WAREHOUSE_PASSWORD": SCRATCH,
            }


def _listed(selection: list[str], project: Path, target: Path) -> dict[str, list[str]]:
    command = ["--quiet", "ls", "--output", "json", "--output-keys", "name", "resource_type", *selection]
    done = _run(command, project, target, capture=True)
    if done.returncode != 0:
        raise ConfigurationError(f"dbt cannot compare the projects: {done.stdout.strip()[-500:]}")
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            node = json.loads(line)
            found.setdefault(node["resource_type"], []).append(node["name"])
    return {kind: sorted(names) for kind, names in sorted(found.items())}


def _dbt(command: list[str], project: Path, target: Path) -> None:
    done = _run(command, project, target, capture=True)
    if done.returncode != 0:
        raise ConfigurationError(f"dbt cannot read the project in {project}: {done.stdout.strip()[-500:]}")


def _run(
    command: list[str],
    project: Path,
    target: Path,
    environment: Mapping[str, str] | None = None,
    *,
    capture: bool = False,
) -> subprocess.CompletedProcess[str]:
    dbt = str(Path(sys.executable).parent / "dbt")
    folders = {"DBT_PROJECT_DIR": project, "DBT_PROFILES_DIR": project, "DBT_TARGET_PATH": target}
    quiet = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_LOG_PATH": str(target / "logs")}
    return subprocess.run(  # noqa: S603 - our own command line
        [dbt, "--no-use-colors", *command],
        env=inherited()
        | {name: str(path) for name, path in folders.items()}
        | quiet
        | dict(environment or {}),
        stdout=subprocess.PIPE if capture else None,
        text=True,
        check=False,
    )


def main(
    base: Annotated[str, typer.Option(help="commit to compare with")] = "origin/main",
    output: Annotated[Path, typer.Option(dir_okay=False, help="page of Markdown to write")] = PROJECT_ROOT
    / "build"
    / "dbt-changes.md",
) -> None:
    """Compare the dbt project with that of another commit, and build what differs."""
    with orderly_exit(), tempfile.TemporaryDirectory(prefix="dbt-changes-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postgres may run as another user
        change = compare(base_project(base, folder / "base"), PROJECT_ROOT / "dbt", folder)
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(change.markdown())
        typer.echo(change.markdown())
    raise typer.Exit(os.EX_OK if change.built is not False else 1)


if __name__ == "__main__":
    typer.run(main)
