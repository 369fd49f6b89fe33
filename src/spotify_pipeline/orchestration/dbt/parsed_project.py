"""Keeps the parsed dbt project in a process, so that its tasks do not parse it again.

dbt takes longer to parse its project than to run most nodes. Therefore the project is parsed when the image,
or the manifest of a checkout, is made (`spotify_stack.dbt_manifest`), and read from that file. The scheduler
reads it before it forks its workers (`warm_workers`); workers that are not forks, such as those of Celery and
Kubernetes, read it in each dbt task. If a file of the project has changed since, dbt parses the project.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spotify_pipeline.files import folder_digest, folder_fingerprint
from spotify_pipeline.settings import DBT_BUILD_TARGET, DBT_DIGEST, DBT_OUTPUT_FOLDERS

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest


@dataclass(frozen=True)
class ParsedProject:
    """A parsed project, and the fingerprint of its files."""

    manifest: Manifest
    fingerprint: str


_kept: dict[Path, ParsedProject] = {}


def keep(project: Path, manifest: Manifest, fingerprint_before: str) -> bool:
    """Keep a manifest for this process and its forks, unless a file changed while dbt was parsing."""
    if fingerprint(project) != fingerprint_before:
        return False
    _kept[project] = ParsedProject(manifest, fingerprint_before)
    return True


def keep_written(project: Path) -> bool:
    """Keep the manifest that `dbt parse` wrote, if the project has not changed since."""
    before = fingerprint(project)
    try:
        if (project / DBT_DIGEST).read_text() != folder_digest(project, without=DBT_OUTPUT_FOLDERS):
            return False
        packed = (project / DBT_BUILD_TARGET / "partial_parse.msgpack").read_bytes()
    except FileNotFoundError:
        return False
    from dbt.contracts.graph.manifest import Manifest  # noqa: PLC0415 - heavy, and not needed to parse DAG files

    try:
        manifest = Manifest.from_msgpack(packed)
    except Exception:  # another version of dbt wrote it
        return False
    # models and macros read it as `graph`; dbt fills it only when it parses the project itself
    manifest.build_flat_graph()
    return keep(project, manifest, before)


def manifest_for(project: Path, database: str) -> Manifest | None:
    """Return the parsed project for a database, or None if a file changed since it was parsed."""
    if not is_kept(project) and not keep_written(project):
        return None
    manifest = _kept[project].manifest
    if _name_database(manifest, database):
        manifest.build_flat_graph()
    return manifest


def is_kept(project: Path) -> bool:
    """Return whether this process keeps the project and no file changed since."""
    return kept_manifest(project) is not None


def kept_manifest(project: Path) -> Manifest | None:
    """Return the manifest that this process keeps, of any database; None if a file changed since."""
    kept = _kept.get(project)
    return kept.manifest if kept is not None and kept.fingerprint == fingerprint(project) else None


def forget() -> None:
    """Drop all kept projects."""
    _kept.clear()


def fingerprint(project: Path) -> str:
    """Return a digest of path, size and modification time of every file that dbt reads."""
    return folder_fingerprint(project, without=DBT_OUTPUT_FOLDERS)


def _name_database(manifest: Manifest, database: str) -> bool:
    """Replace the database with which the project was parsed by that of the connection.

    Returns:
        Whether it was another one.
    """
    has_changed = False
    for node in (*manifest.nodes.values(), *manifest.sources.values()):
        if node.database == database:
            continue
        if node.relation_name:
            before, after = (f"{_quoted(name)}." for name in (node.database or "", database))
            node.relation_name = node.relation_name.replace(before, after, 1)
        node.database = database
        has_changed = True
    return has_changed


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
