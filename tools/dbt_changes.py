"""Shows the effect of a change of the dbt project: `python -m tools.dbt_changes --base REF`.

It compares the project with that of another commit by dbt's `state:` selectors, builds the tables of both
over the same staging rows on a scratch Postgres, tests modified nodes and their descendants, and writes a
page for a pull request with the nodes and the differences of the data.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from spotify_pipeline.cli.errors import report_errors
from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack.airflow_environment import inherited
from spotify_stack.scratch import ScratchWarehouse, scratch_warehouse
from tools import sample, table_diff
from tools.table_diff import TableDiff

Warehouses = Mapping[str, ConnectionInfo]
# prefix of the schemas with the tables of the other commit
BEFORE = "before_"
NOT_COMPARED = "Not compared: one of the two could not be built over the tables of this commit."
NOTHING = "The dbt project is the same."


@dataclass(frozen=True)
class Change:
    """Result of a comparison.

    Attributes:
        modified: Names of modified nodes by resource type.
        affected: Names of their descendants by resource type.
        built: Whether building them succeeded; None if there was nothing to build.
        removed: Names of removed nodes by resource type.
        data: Differences of the tables; None if they could not be compared.
    """

    modified: Mapping[str, list[str]]
    affected: Mapping[str, list[str]]
    built: bool | None
    removed: Mapping[str, list[str]] = field(default_factory=dict)
    data: Sequence[TableDiff] | None = None

    def markdown(self) -> str:
        """Return a page for a pull request."""
        if not self.modified and not self.removed:
            return NOTHING + "\n"
        lines = ["### dbt", ""]
        outcome = "succeeded" if self.built is not False else "**failed**: see the job's log"
        lines += [f"Building it on a scratch Postgres {outcome}.", ""]
        shown = {"Changed": self.modified, "Affected by it": self.affected}
        for title, nodes in (shown | {"Removed": self.removed} if self.removed else shown).items():
            lines.append(f"**{title}**")
            lines += [f"- {kind}: {_enumerated(kind, names)}" for kind, names in nodes.items()]
            lines += [] if nodes else ["- nothing"]
            lines.append("")
        lines += ["**Data**, over some days of the sandbox's catalogue", ""]
        lines.append(NOT_COMPARED + "\n" if self.data is None else table_diff.markdown(self.data))
        return "\n".join(lines)


def _enumerated(kind: str, names: list[str]) -> str:
    return str(len(names)) if kind.endswith("test") else ", ".join(f"`{name}`" for name in names)


def base_project(ref: str, folder: Path) -> Path:
    """Unpack the dbt project of a commit into `folder`.

    Raises:
        ConfigurationError: git is not installed or has no such commit, or the commit has no dbt project.
    """
    if shutil.which("git") is None:
        raise ConfigurationError(f"the dbt project of '{ref}' cannot be read: git is not installed")
    done = subprocess.run(  # noqa: S603 - git takes the name as one argument
        ["git", "archive", "--format=tar", ref, "dbt"],  # noqa: S607
        cwd=PROJECT_ROOT,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        reason = done.stderr.decode().strip().splitlines()[-1]
        raise ConfigurationError(
            f"the dbt project of '{ref}' cannot be read from git ({reason}): fetch it first"
        )
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "dbt"


def compare(
    base: Path, project: Path, folder: Path, *, fill: Callable[[Warehouses, Path], None] = sample.fill
) -> Change:
    """Compare two dbt projects and build the difference.

    Args:
        base: Project of the other commit.
        project: Project of this commit.
        folder: Where dbt and the servers write.
        fill: Writes the staging rows over which both projects are built.

    Raises:
        ConfigurationError: dbt cannot read one of the projects; the message has its output.
    """
    state, target = folder / "state", folder / "target"
    _dbt(["parse"], base, state)
    selected = ["--state", str(state), "--select"]
    modified = _listed([*selected, "state:modified"], project, target)
    following = _listed([*selected, "state:modified+"], project, target) if modified else {}
    affected = {
        kind: rest
        for kind, names in following.items()
        if (rest := [name for name in names if name not in modified.get(kind, [])])
    }
    removed = _without(_names(state), _names(target))
    if not modified:
        return Change({}, {}, None, removed)
    with scratch_warehouse(folder) as warehouse:
        fill(warehouse.connections, folder)
        tables = ["build", "--resource-type", "model", "--resource-type", "seed"]
        comparable = _succeeds(tables, base, folder / "base-target", warehouse)
        warehouse.rename_dbt_schemas(BEFORE)
        # all tables first, since a test can read any; then the modified nodes with their tests
        built = _succeeds(tables, project, target, warehouse) and _succeeds(
            ["build", *selected, "state:modified+"], project, target, warehouse
        )
        models = following.get("model", [])
        data = _diffs(warehouse.url, state, target, models) if comparable and built else None
    return Change(modified, affected, built, removed, data)


def _succeeds(command: list[str], project: Path, target: Path, warehouse: ScratchWarehouse) -> bool:
    return _run(command, project, target, warehouse.environment).returncode == 0


def _diffs(url: str, state: Path, target: Path, models: Iterable[str]) -> list[TableDiff]:
    """Compare the tables of both projects, by the columns of their unique indexes."""
    before, after = _tables(state), _tables(target)
    with psycopg.connect(url) as connection:
        return [
            table_diff.diff_tables(
                connection,
                name,
                before=BEFORE + before[name]["schema"],
                after=after[name]["schema"],
                key=_key(after[name]),
            )
            for name in models
            if name in before and name in after
        ]


def _tables(folder: Path) -> dict[str, dict[str, Any]]:
    nodes = json.loads((folder / "manifest.json").read_bytes())["nodes"].values()
    return {
        node["name"]: node
        for node in nodes
        if node["resource_type"] == "model" and node["config"]["materialized"] != "view"
    }


def _key(model: Mapping[str, Any]) -> list[str]:
    indexes = model["config"].get("indexes") or []
    return next((index["columns"] for index in indexes if index.get("unique")), [])


def _names(folder: Path) -> dict[str, set[str]]:
    """Return the names of all nodes by resource type."""
    found: dict[str, set[str]] = {}
    for node in json.loads((folder / "manifest.json").read_bytes())["nodes"].values():
        found.setdefault(node["resource_type"], set()).add(node["name"])
    return found


def _without(before: Mapping[str, set[str]], after: Mapping[str, set[str]]) -> dict[str, list[str]]:
    gone = {kind: sorted(names - after.get(kind, set())) for kind, names in sorted(before.items())}
    return {kind: names for kind, names in gone.items() if names}


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
    base: Annotated[str, typer.Option(help="Commit to compare with.")] = "origin/main",
    output: Annotated[Path, typer.Option(dir_okay=False, help="Markdown file to write.")] = PROJECT_ROOT
    / "build"
    / "dbt-changes.md",
) -> None:
    """Compare the dbt project with that of another commit, and build the difference."""
    with report_errors(), tempfile.TemporaryDirectory(prefix="dbt-changes-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postgres may run as another user
        change = compare(base_project(base, folder / "base"), PROJECT_ROOT / "dbt", folder)
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(change.markdown())
        typer.echo(change.markdown())
    raise typer.Exit(os.EX_OK if change.built is not False else 1)


if __name__ == "__main__":
    typer.run(main)
