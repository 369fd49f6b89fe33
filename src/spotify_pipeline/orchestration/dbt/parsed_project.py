"""Keeps the dbt project that the scheduler parsed, for the tasks that are forked from the scheduler.

dbt takes longer to read its parsed project than to run most nodes. So the scheduler parses it once
(`warm_workers`), and a task uses that manifest while every file of the project is unchanged; otherwise dbt
reads the project itself, which is slower and always right. Processes that are not forks of a warm scheduler
keep nothing.
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

# folders that dbt writes
OUTPUT_FOLDERS = frozenset({"target", "logs"})


@dataclass(frozen=True)
class ParsedProject:
    """A parsed project, the fingerprint of its files, and the databases that its nodes name."""

    manifest: Manifest
    fingerprint: str
    databases: frozenset[str]


_kept: dict[Path, ParsedProject] = {}


def keep(project: Path, manifest: Manifest, fingerprint_before: str) -> bool:
    """Keep a manifest for this process and its forks, unless a file changed while dbt was parsing."""
    if fingerprint(project) != fingerprint_before:
        return False
    nodes = [*manifest.nodes.values(), *manifest.sources.values()]
    databases = frozenset(str(node.database) for node in nodes if node.database)
    _kept[project] = ParsedProject(manifest, fingerprint_before, databases)
    return True


def manifest_for(project: Path, database: str) -> Manifest | None:
    """Return the kept manifest if it fits the project's files and this database, else None."""
    kept = _kept.get(project)
    if kept is None or kept.databases != {database} or not is_kept(project):
        return None
    return kept.manifest


def is_kept(project: Path) -> bool:
    """Return whether this process keeps the project as its files are now."""
    kept = _kept.get(project)
    return kept is not None and kept.fingerprint == fingerprint(project)


def forget() -> None:
    """Drop all kept projects."""
    _kept.clear()


def fingerprint(project: Path) -> str:
    """Return a digest of path, size and modification time of every file that dbt reads."""
    digest = hashlib.sha256()
    for folder, names, files in os.walk(project):
        names[:] = sorted(name for name in names if name not in OUTPUT_FOLDERS and not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            with contextlib.suppress(FileNotFoundError):  # just removed: the digest differs anyway
                state = path.stat()
                digest.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()
