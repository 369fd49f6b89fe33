"""Compares two tables of one Postgres database: columns, and rows by key.

It is one full outer join per table. (reladiff 0.6 does the same, but supports neither arrays nor `text` keys
with other characters than letters and digits; the marts have both.)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg
from psycopg import sql

# rows shown for each kind of difference
EXAMPLES = 2
# columns that name the load of a row, and are not compared
BOOKKEEPING = ("load_seq", "loaded_at")


@dataclass(frozen=True)
class Example:
    """A row that exists on one side only, or its different values as (before, after)."""

    kind: Literal["added", "removed", "changed"]
    key: Sequence[Any]
    values: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class TableDiff:
    """Differences between a table before and after.

    Attributes:
        table: Name of the table.
        rows: Number of rows before and after.
        added: Number of rows that exist only after.
        removed: Number of rows that exist only before.
        changed: Number of rows with other values.
        columns: Types before and after of columns that are missing on one side or have another type.
        changes: Number of rows in which a column has another value, by column.
        examples: Some rows that differ.
    """

    table: str
    rows: tuple[int, int]
    added: int
    removed: int
    changed: int
    columns: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    changes: Mapping[str, int] = field(default_factory=dict)
    examples: Sequence[Example] = ()

    @property
    def is_same(self) -> bool:
        """Whether columns and rows are the same."""
        return not (self.added or self.removed or self.changed or self.columns)


def diff_tables(
    connection: psycopg.Connection, table: str, *, before: str, after: str, key: Sequence[str] = ()
) -> TableDiff:
    """Compare a table of two schemas.

    Without a usable key, the whole row is the key: then rows are added and removed, never changed. Columns
    that are missing on one side, or have another type, are reported and not compared.

    Args:
        connection: Connection to the database of both schemas.
        table: Name of the table.
        before: First schema.
        after: Second schema.
        key: Columns of the key.

    Raises:
        psycopg.errors.UndefinedTable: a schema has no such table.
    """
    old, new = _columns(connection, before, table), _columns(connection, after, table)
    unlike = {
        name: (old.get(name), new.get(name))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    }
    common = [name for name in old if name not in unlike and name not in BOOKKEEPING]
    keyed_by = key if key and set(key) <= set(common) else common
    with connection.transaction():
        left_out = [*unlike, *BOOKKEEPING]
        sides = _SIDES.format(
            old=_side(before, table, keyed_by, left_out), new=_side(after, table, keyed_by, left_out)
        )
        connection.execute(sql.SQL("create temporary table sides on commit drop as ") + sides)
        [counts] = connection.execute(_COUNTS).fetchall()
        changes: dict[str, int] = dict(connection.execute(_CHANGES).fetchall())
        examples = tuple(_example(*row) for row in connection.execute(_EXAMPLES, [EXAMPLES]).fetchall())
    rows_before, rows_after, added, removed, changed = counts
    return TableDiff(table, (rows_before, rows_after), added, removed, changed, unlike, changes, examples)


# rows with the same key, which only a table without a key can have, are numbered
_SIDE = sql.SQL("""(
    select
        jsonb_build_array({key}) as key,
        row_number() over (partition by {key}) as copy,
        to_jsonb(whole) - {left_out}::text[] as content
    from {table} as whole
)""")
_SIDES = sql.SQL("""
    select coalesce(old.key, new.key) as key, old.content as was, new.content as is_now
    from {old} as old full join {new} as new on old.key = new.key and old.copy = new.copy
""")
_COUNTS = """
    select count(was), count(is_now), count(*) filter (where was is null),
        count(*) filter (where is_now is null), count(*) filter (where was <> is_now)
    from sides
"""
_CHANGES = """
    select field.key, count(*)
    from sides cross join lateral jsonb_each(was) as field
    where was <> is_now and is_now -> field.key <> field.value
    group by field.key
    order by count(*) desc, field.key
"""
_EXAMPLES = """
    select kind, key, was, is_now
    from (
        select *, row_number() over (partition by kind order by key) as place
        from (
            select *, case when was is null then 'added' when is_now is null then 'removed' else 'changed' end
                as kind
            from sides
            where was is distinct from is_now
        ) as different
    ) as numbered
    where place <= %s
    order by kind, key
"""


def _side(schema: str, table: str, key: Iterable[str], left_out: Iterable[str]) -> sql.Composed:
    return _SIDE.format(
        key=sql.SQL(", ").join(map(sql.Identifier, key)),
        left_out=sql.Literal(list(left_out)),
        table=sql.Identifier(schema, table),
    )


def _columns(connection: psycopg.Connection, schema: str, table: str) -> dict[str, str]:
    """Return the types of the columns by name, in the order of the table."""
    rows = connection.execute(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute"
        " where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
        [sql.Identifier(schema, table).as_string(connection)],
    ).fetchall()
    return dict(rows)


def _example(
    kind: Literal["added", "removed", "changed"],
    key: list[Any],
    was: dict[str, Any] | None,
    is_now: dict[str, Any] | None,
) -> Example:
    if was is None or is_now is None:
        return Example(kind, key)
    return Example(kind, key, {name: (was[name], is_now[name]) for name in was if was[name] != is_now[name]})


def markdown(diffs: Sequence[TableDiff]) -> str:
    """Return a Markdown table of the tables that differ, with details; one line if none does."""
    different = [diff for diff in diffs if not diff.is_same]
    if not diffs:
        return "No table is affected.\n"
    if not different:
        return f"The data of {len(diffs)} tables is the same.\n"
    lines = ["| table | rows before | after | added | removed | changed |", "|---|--:|--:|--:|--:|--:|"]
    for diff in different:
        numbers = (*diff.rows, diff.added, diff.removed, diff.changed)
        lines.append(f"| `{diff.table}` | " + " | ".join(f"{number:,}" for number in numbers) + " |")
    for diff in different:
        lines += ["", f"`{diff.table}`"]
        for name, (before, after) in diff.columns.items():
            lines.append(f"- column `{name}`: {before or 'absent'} → {after or 'absent'}")
        if diff.changes:
            said = ", ".join(f"`{name}` in {count:,} rows" for name, count in diff.changes.items())
            lines.append(f"- changed: {said}")
        lines += [f"- {_line(example)}" for example in diff.examples]
    same = len(diffs) - len(different)
    return "\n".join([*lines, "", f"The data of {same} other tables is the same."]) + "\n"


def _line(example: Example) -> str:
    where = ", ".join(str(part) for part in example.key).replace("`", "'").replace("\n", " ")
    values = "; ".join(
        f"`{name}` {_shown(before)} → {_shown(after)}" for name, (before, after) in example.values.items()
    )
    return f"{example.kind} `{where}`" + (f": {values}" if values else "")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"
