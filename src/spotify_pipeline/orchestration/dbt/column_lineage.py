"""Adds column lineage to dbt models: the columns of its parents from which a column is computed.

Cosmos reports the lineage that OpenLineage's parser finds in the compiled SQL, and it finds none for a model
that begins with `select * from …`. Here sqlglot parses the same SQL, and knows the columns of the parents.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spotify_pipeline.orchestration.dbt.manifest import DbtManifest
from spotify_pipeline.warehouse.tables import metadata

if TYPE_CHECKING:
    from openlineage.client.event_v2 import Dataset
    from openlineage.client.facet_v2 import column_lineage_dataset

log = logging.getLogger(__name__)
DIALECT = "postgres"


@dataclass(frozen=True, order=True)
class Relation:
    """A table or view."""

    database: str
    schema: str
    name: str


@dataclass(frozen=True, order=True)
class Column:
    """A column of a relation."""

    relation: Relation
    name: str


def add_columns(outputs: list[Dataset], sql: str | None, project: Path) -> None:
    """Add the facet `columnLineage` to the one output of a model that `sql` built.

    Errors become warnings in the log, since lineage must not fail a task.
    """
    if sql is None or len(outputs) != 1:
        return
    [output] = outputs
    try:
        manifest = DbtManifest.read(project / "target" / "manifest.json")
        database = output.name.partition(".")[0]
        facet = _facet(sql, output.namespace, known_columns(manifest, database))
    except Exception as error:
        log.warning("column lineage of %s is not reported: %s", output.name, error)
        return
    if facet.fields:
        output.facets = {**(output.facets or {}), "columnLineage": facet}


def known_columns(manifest: DbtManifest, database: str) -> dict[Relation, list[str]]:
    """Return the columns of all tables that a model can read, of the pipeline and of the dbt project."""
    known = {
        Relation(database, table.schema or "public", table.name): [column.name for column in table.columns]
        for table in metadata.tables.values()
    }
    for node in manifest.raw["nodes"].values():
        if node["resource_type"] in {"model", "seed"}:
            relation = Relation(database, node["schema"], node.get("alias") or node["name"])
            known[relation] = list(node["columns"])
    return known


def _facet(
    sql: str, namespace: str, known: Mapping[Relation, list[str]]
) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    from openlineage.client.facet_v2 import column_lineage_dataset as facets  # noqa: PLC0415 - heavy

    fields: dict[str, Any] = {
        name: facets.Fields(
            inputFields=[
                facets.InputField(
                    namespace=namespace,
                    name=f"{origin.relation.database}.{origin.relation.schema}.{origin.relation.name}",
                    field=origin.name,
                )
                for origin in origins
            ]
        )
        for name, origins in column_origins(sql, known).items()
        if origins
    }
    return facets.ColumnLineageDatasetFacet(fields=fields)


def column_origins(sql: str, known: Mapping[Relation, Iterable[str]]) -> dict[str, list[Column]]:
    """Return, for each column that `sql` selects, the sorted columns from which it is computed.

    A column computed from no column, such as `count(*)` or a date of a generated series, has an empty list.

    Args:
        sql: a query; one that cannot be parsed gives an empty result.
        known: the columns of every relation that the query reads.
    """
    # slow to import, and needed only if lineage is on
    from sqlglot import exp, parse_one  # noqa: PLC0415
    from sqlglot.errors import SqlglotError  # noqa: PLC0415
    from sqlglot.lineage import lineage  # noqa: PLC0415
    from sqlglot.optimizer.qualify import qualify  # noqa: PLC0415
    from sqlglot.optimizer.scope import build_scope  # noqa: PLC0415

    try:
        query = qualify(
            parse_one(sql, dialect=DIALECT),
            schema=_schema(known),
            dialect=DIALECT,
            # table functions such as generate_series have columns that are not known
            validate_qualify_columns=False,
        )
        scope = build_scope(query)
        if scope is None or not isinstance(query, exp.Query):
            return {}
        return {
            name: sorted(
                {
                    Column(Relation(leaf.source.catalog, leaf.source.db, leaf.source.name), _last(leaf.name))
                    for leaf in node.walk()
                    if not leaf.downstream and isinstance(leaf.source, exp.Table)
                }
            )
            for name, node in lineage(None, query, {}, scope=scope, dialect=DIALECT, copy=False).items()
        }
    except SqlglotError:
        return {}


def _schema(known: Mapping[Relation, Iterable[str]]) -> dict[str, Any]:
    """Return relations nested as sqlglot expects them; it ignores the types of columns here."""
    nested: dict[str, Any] = {}
    for relation, columns in known.items():
        schemas = nested.setdefault(relation.database, {}).setdefault(relation.schema, {})
        schemas[relation.name] = dict.fromkeys(columns, "text")
    return nested


def _last(name: str) -> str:
    """Return the last part of a name, as `track_id` of `"tracks"."track_id"`."""
    return name.rpartition(".")[2].strip('"')
