"""Two tables side by side in a real Postgres."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tools.table_diff import Example, TableDiff, diff_tables, markdown

pytestmark = pytest.mark.integration
COLUMNS = "name text not null, day date not null, genres text[], share numeric(8, 1), load_seq bigint"
ROWS = (
    "('Björk`s', '2026-11-01', array['pop'], 1.5, 1), ('Sigur Rós', '2026-11-01', null, null, 1),"
    " ('Sigur Rós', '2026-11-02', array['rock', 'ambient'], 2.5, 1)"
)
KEY = ("name", "day")


@pytest.fixture
def connection(empty_database: str) -> Iterator[psycopg.Connection]:
    """Schemas `before` and `after`, each with the same table of artists and days."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        for schema in ("before", "after"):
            connection.execute(f"create schema {schema}".encode())
            connection.execute(f"create table {schema}.days ({COLUMNS})".encode())
            connection.execute(f"insert into {schema}.days values {ROWS}".encode())
        yield connection


def compared(connection: psycopg.Connection, *statements: str, key: tuple[str, ...] = KEY) -> TableDiff:
    for statement in statements:
        connection.execute(statement.encode())
    return diff_tables(connection, "days", before="before", after="after", key=key)


def test_equal_tables_are_the_same_whichever_load_brought_them(connection: psycopg.Connection) -> None:
    diff = compared(connection, "update after.days set load_seq = 2")
    assert diff == TableDiff("days", (3, 3), 0, 0, 0)
    assert diff.is_same
    assert markdown([diff]) == "The data of 1 tables is the same.\n"
    assert markdown([]) == "No table is affected.\n"


def test_rows_are_told_apart_by_their_whole_key(connection: psycopg.Connection) -> None:
    diff = compared(
        connection,
        "delete from after.days where name = 'Björk`s'",
        "insert into after.days values ('Múm', '2026-11-01'), ('Múm', '2026-11-02')",
        "update after.days set genres = null, share = 3 where day = '2026-11-02' and name = 'Sigur Rós'",
    )
    assert (diff.rows, diff.added, diff.removed, diff.changed) == ((3, 4), 2, 1, 1)
    assert diff.changes == {"genres": 1, "share": 1}
    assert [example.kind for example in diff.examples] == ["added", "added", "changed", "removed"]
    assert diff.examples[2] == Example(
        "changed", ["Sigur Rós", "2026-11-02"], {"genres": (["rock", "ambient"], None), "share": (2.5, 3.0)}
    )
    page = markdown([diff, TableDiff("other", (1, 1), 0, 0, 0)])
    assert "| `days` | 3 | 4 | 2 | 1 | 1 |" in page
    assert '- changed `Sigur Rós, 2026-11-02`: `share` 2.5 → 3.0; `genres` ["rock", "ambient"] → null' in page
    assert "- removed `Björk's, 2026-11-01`" in page, "a backtick would end the mark"
    assert "The data of 1 other tables is the same." in page


def test_changed_columns_are_reported_and_not_compared(
    connection: psycopg.Connection,
) -> None:
    diff = compared(
        connection,
        "alter table after.days drop column genres",
        "alter table after.days add column label text default 'any'",
        "alter table after.days alter column share type integer",
    )
    assert (diff.added, diff.removed, diff.changed) == (0, 0, 0)
    assert not diff.is_same
    assert diff.columns == {
        "genres": ("text[]", None),
        "share": ("numeric(8,1)", "integer"),
        "label": (None, "text"),
    }
    assert "- column `label`: absent → text" in markdown([diff])


@pytest.mark.parametrize("key", [(), ("no_such_column",)])
def test_without_a_key_equal_rows_are_counted_each(
    connection: psycopg.Connection, key: tuple[str, ...]
) -> None:
    diff = compared(
        connection, "insert into after.days select * from after.days where name = 'Björk`s'", key=key
    )
    assert (diff.rows, diff.added, diff.removed, diff.changed) == ((3, 4), 1, 0, 0)


def test_a_change_of_the_key_is_one_row_less_and_one_more(connection: psycopg.Connection) -> None:
    diff = compared(connection, "update after.days set name = 'Björk' where name = 'Björk`s'")
    assert (diff.added, diff.removed, diff.changed) == (1, 1, 0)


def test_a_table_that_is_not_there_is_named(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable, match="after.days"):
        compared(connection, "drop table after.days")
