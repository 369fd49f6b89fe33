"""Writes the reference page of the tables: marts from dbt's manifest, staging and ops from their metadata."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

from spotify_pipeline.warehouse.roles import OWNER_SCHEMAS
from spotify_pipeline.warehouse.tables import metadata
from spotify_stack.dbt_manifest import MANIFEST

_ORDER_COLUMNS = ("observed_at", "rank", "raw_key")
# columns that mean the same in every table
_SHARED = {
    "account": "Client id of the Spotify app, whose limits count.",
    "artist_ids": "Its artists, in Spotify's order.",
    "dag_id": "DAG of the run.",
    "disc_number": "Disc of the track, 1 first.",
    "explicit": "Whether Spotify marks its words as explicit.",
    "image_url": "Address of the largest image.",
    "name": "Its name.",
    "observed_at": "Time of the response, by Spotify's clock.",
    "owner_hash": "Hash of its owner.",
    "partition": "Date of the data.",
    "raw_key": "Object with the response.",
    "record_id": "Spotify id of the record.",
    "record_kind": "Kind of the record.",
    "release_date_precision": "year, month or day.",
    "run_id": "Airflow run.",
    "snapshot_id": "Spotify's version of the playlist.",
    "source": "Name of the source in sources.yml.",
    "task_id": "Airflow task.",
    "track_number": "Place on its disc.",
    "try_number": "Attempt of the task, 1 first.",
    "upc": "Universal product code of the album.",
    "user_hash": "Hash of the user.",
}


def lines() -> Iterator[str]:
    """Yield the lines of the page below its introduction."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    yield from ("## Schema `marts`", "")
    yield from _marts(manifest)
    described = _descriptions(manifest)
    for schema in OWNER_SCHEMAS:
        yield from (f"## Schema `{schema}`", "")
        for table in sorted(metadata.tables.values(), key=lambda table: table.name):
            if table.schema == schema:
                yield from _table(table, described[table.fullname])


def _marts(manifest: dict[str, Any]) -> Iterator[str]:
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    for model in sorted(models, key=lambda model: model["name"]):
        if model["fqn"][1] != "marts":
            continue
        yield from (f"### `{model['name']}`", "", _sentence(model["description"]), "")
        yield from ("| column | type | meaning |", "|---|---|---|")
        for column in model["columns"].values():
            text = _cell(column["description"])
            yield f"| `{column['name']}` | {column['data_type']} | {text} |"
        yield ""


def _descriptions(manifest: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return texts by table and column; the text of the table itself is that of column "".

    A column without a text of its own has that of the column of the same name in the staging view.
    """
    found: dict[str, dict[str, str]] = defaultdict(dict)
    names = {key: f"{source['schema']}.{source['name']}" for key, source in manifest["sources"].items()}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and node["fqn"][1] == "staging":
            for parent in node["depends_on"]["nodes"]:
                if parent in names:
                    found[names[parent]] |= _texts(node["columns"])
    for key, source in manifest["sources"].items():
        found[names[key]] |= _texts(source["columns"]) | {"": source["description"]}
    return found


def _texts(columns: dict[str, Any]) -> dict[str, str]:
    return {column["name"]: column["description"] for column in columns.values() if column["description"]}


def _table(table: Table, texts: dict[str, str]) -> Iterator[str]:
    yield from (f"### `{table.fullname}`", "")
    if text := texts.get("") or table.info.get("purpose"):
        yield from (_sentence(text), "")
    yield f"Primary key: {', '.join(f'`{column.name}`' for column in table.primary_key)}."
    yield from ("", "| column | type | field group | meaning |", "|---|---|---|---|")
    groups = {column.info["group"] for column in table.columns if "group" in column.info}
    # the introduction of the page describes them
    order = {f"{group}_{name}" for group in groups for name in _ORDER_COLUMNS}
    for column in table.columns:
        if column.name in order:
            continue
        kind = str(column.type.compile(dialect=postgresql.dialect())).lower()  # type: ignore[no-untyped-call]
        kind += "" if column.nullable else ", not null"
        text = _cell(texts.get(column.name) or column.doc or _SHARED.get(column.name, ""))
        group = column.info.get("group", "")
        yield f"| `{column.name}` | {kind} | {group} | {text} |"
    yield ""


def _sentence(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return _sentence(text).replace("|", "\\|")
