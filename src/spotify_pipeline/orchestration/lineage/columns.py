"""Columns in the lineage of dbt models: which columns of its parents a column is made of.

Cosmos hands OpenLineage what the latter's parser finds in the compiled SQL, which for a model that begins
with `select * from …` is nothing. Here the same SQL is read again with the columns of its parents known.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spotify_pipeline.orchestration.dbt.manifest import DbtManifest
from spotify_pipeline.orchestration.lineage.column_origins import Relation, column_origins
from spotify_pipeline.warehouse.tables import metadata

if TYPE_CHECKING:
    from openlineage.client.event_v2 import Dataset
    from openlineage.client.facet_v2 import column_lineage_dataset

log = logging.getLogger(__name__)


def add_columns(outputs: list[Dataset], sql: str | None, project: Path) -> None:
    """Give the one output of a model, built by `sql`, its facet `columnLineage`.

    What goes wrong is a warning in the log: lineage is a by-product.
    """
    if sql is None or len(outputs) != 1:
        return
    [output] = outputs
    try:
        manifest = DbtManifest.read(project / "target" / "manifest.json")
        database = output.name.partition(".")[0]
        facet = _facet(sql, output.namespace, known_columns(manifest, database))
    except Exception as error:
        log.warning("columns of %s are not told: %s", output.name, error)
        return
    if facet.fields:
        output.facets = {**(output.facets or {}), "columnLineage": facet}


def known_columns(manifest: DbtManifest, database: str) -> dict[Relation, list[str]]:
    """Columns of all that a model may read, in the given database: our tables, and the project's models."""
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
