"""Publishes dbt's documentation of the marts in the lake.

It writes three objects without a date, since they describe the project and contain no data: `index.html`,
one page that needs no other file; `manifest.json` and `catalog.json` for tools, among them `dbt --state`.

Times, ids of runs and paths are removed, so that the same project and tables give the same bytes; an equal
object is not written again.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.files import write_atomically
from spotify_pipeline.lake import keys
from spotify_pipeline.lake.store import Lake
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse.roles import MARTS, MARTS_BUILD

INDEX, MANIFEST, CATALOG = keys.DOCS_PAGE, "manifest.json", "catalog.json"
# of each artifact's metadata, see https://schemas.getdbt.com/dbt/manifest/v12.json
_OF_THE_RUN = {"generated_at", "invocation_id", "invocation_started_at", "run_started_at", "env", "user_id"}
# of each node
_OF_THE_PLACE = {"created_at", "root_path", "build_path", "compiled_path"}
# in the compiled SQL of incremental models: the last load that the model has read
_WATERMARK = re.compile(r"(load_seq [<>]=? )\d+")
# placeholders in dbt's page that `dbt docs generate --static` replaces by the artifacts
_INLINE = {MANIFEST: '"MANIFEST.JSON INLINE DATA"', CATALOG: '"CATALOG.JSON INLINE DATA"'}


def publish_docs(runtime: Runtime, target: Path) -> list[str]:
    """Publish the output of `dbt docs generate` in `target`, and return the keys of changed objects.

    The folder `settings.dbt_docs_dir`, if it is set, gets the same files; Airflow's UI shows them from there.

    Raises:
        ConfigurationError: an artifact is missing or no JSON.
        LakeUnavailable: the object store cannot be reached.
    """
    files = documentation(target)
    folder = runtime.settings.dbt_docs_dir
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_atomically(folder / name, content)
    return [key for name, content in files.items() if _put(runtime.lake, key := keys.docs_key(name), content)]


def documentation(target: Path) -> dict[str, bytes]:
    """Return the three files by name.

    Raises:
        ConfigurationError: an artifact is missing or no JSON.
    """
    artifacts = {name: _stable_artifact(target / name) for name in (MANIFEST, CATALOG)}
    page = _read(target / INDEX)
    for name, place in _INLINE.items():
        # "</" would end the script element around the text
        page = page.replace(place, artifacts[name].replace("</", "<\\/"))
    return {INDEX: page.encode()} | {name: text.encode() for name, text in artifacts.items()}


def _stable_artifact(path: Path) -> str:
    """Return an artifact without the fields that differ from run to run."""
    try:
        content = json.loads(_read(path))
    except ValueError:
        raise ConfigurationError(f"dbt's '{path.name}' is not JSON: run `dbt docs generate` again") from None
    content["metadata"] = _without(content["metadata"], _OF_THE_RUN)
    for entries in content.values():
        if isinstance(entries, dict):
            for name, entry in entries.items():
                entries[name] = _without(entry, _OF_THE_PLACE) if isinstance(entry, dict) else entry
    # dbt describes the schema in which it built the tables, and people read the published one
    text = json.dumps(content, sort_keys=True, ensure_ascii=False).replace(MARTS_BUILD, MARTS)
    return _WATERMARK.sub(r"\g<1>:watermark", text)


def _without(fields: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(f"dbt wrote no '{path.name}': run `dbt docs generate` again") from None


def _put(lake: Lake, key: str, content: bytes) -> bool:
    stored = lake.find(key)
    if stored is not None and stored.data == content:
        return False
    kind = "text/html; charset=utf-8" if key.endswith(".html") else "application/json"
    lake.put(key, content, content_type=kind)
    return True
