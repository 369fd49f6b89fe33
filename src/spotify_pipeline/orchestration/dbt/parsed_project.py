"""The dbt project as the scheduler parsed it, for the tasks that are forked from the scheduler.

Reading the parsed project again takes dbt longer than most nodes take to run. The scheduler parses it once
(`warm_workers`), and a task uses that as long as every file of the project is as it was; else dbt reads the
project itself, which is slower and always right. A process that was not forked from a warm scheduler has
nothing kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

# what dbt writes itself
OUTPUT_FOLDERS = frozenset({"target", "logs", "dbt_packages"})


@dataclass(frozen=True)
class ParsedProject:
    """A parsed project, the state of its files at that time, and the databases that its nodes name."""

    manifest: Manifest
    fingerprint: str
    databases: frozenset[str]


_kept: dict[Path, ParsedProject] = {}


def keep(project: Path, manifest: Manifest, fingerprint_before: str) -> bool:
    """Keep a manifest for this process and its forks; not when a file changed while dbt was parsing."""
    if fingerprint(project) != fingerprint_before:
        return False
    nodes = [*manifest.nodes.values(), *manifest.sources.values()]
    databases = frozenset(str(node.database) for node in nodes if node.database)
    _kept[project] = ParsedProject(manifest, fingerprint_before, databases)
    return True


def manifest_for(project: Path, database: str) -> Manifest | None:
    """The kept manifest of a project, if it still holds for its files and for this database."""
    kept = _kept.get(project)
    if kept is None or kept.databases != {database} or not is_kept(project):
        return None
    return kept.manifest


def is_kept(project: Path) -> bool:
    """Whether the project, as its files are now, is at hand in this process."""
    kept = _kept.get(project)
    return kept is not None and kept.fingerprint == fingerprint(project)


def forget() -> None:
    """Drop everything that was kept."""
    _kept.clear()


def fingerprint(project: Path) -> str:
    """Digest over the path, size and time of change of every file that dbt reads."""
    digest = hashlib.sha256()
    for folder, names, files in os.walk(project):
        names[:] = sorted(name for name in names if name not in OUTPUT_FOLDERS and not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            with contextlib.suppress(FileNotFoundError):  # removed just now: its absence shows all the same
                state = path.stat()
                digest.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()
