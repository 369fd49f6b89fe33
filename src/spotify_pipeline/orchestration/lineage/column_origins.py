"""Which columns a column of a query comes from.

The parser that OpenLineage brings does not look through `select *`, with which nearly every model of ours
begins and ends. sqlglot does, when it is told the columns of the relations that the query reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

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


def column_origins(sql: str, known: Mapping[Relation, Iterable[str]]) -> dict[str, list[Column]]:
    """For each column that `sql` selects, those that its value is computed from, in order.

    `known` has the columns of every relation that is read. A column that is made of nothing, such as
    `count(*)` or a date of a generated series, has an empty list. The whole is empty for a query that cannot
    be read: lineage is told as far as it is known, and no run fails for it.
    """
    # parsers of SQL are heavy, and of no use where nobody listens
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
            # functions that give a table, such as generate_series, have columns that nobody can know
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
    """In the nested form that sqlglot reads; which type a column has makes no difference here."""
    nested: dict[str, Any] = {}
    for relation, columns in known.items():
        schemas = nested.setdefault(relation.database, {}).setdefault(relation.schema, {})
        schemas[relation.name] = dict.fromkeys(columns, "text")
    return nested


def _last(name: str) -> str:
    """`"tracks"."track_id"` -> `track_id`."""
    return name.rpartition(".")[2].strip('"')
