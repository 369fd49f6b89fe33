"""Tests of the comparison of two tables in a real Postgres."""

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


def diff_after(connection: psycopg.Connection, *statements: str, key: tuple[str, ...] = KEY) -> TableDiff:
    for statement in statements:
        connection.execute(statement.encode())
    return diff_tables(connection, "days", before="before", after="after", key=key)


def test_tables_that_differ_only_in_load_seq_are_the_same(connection: psycopg.Connection) -> None:
    diff = diff_after(connection, "update after.days set load_seq = 2")
    assert diff == TableDiff("days", (3, 3), 0, 0, 0)
    assert diff.is_same
    assert markdown([diff]) == "The data of 1 tables is the same.\n"
    assert markdown([]) == "No table is affected.\n"


def test_rows_are_compared_by_their_whole_key(connection: psycopg.Connection) -> None:
    diff = diff_after(
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
    assert "- removed `Björk's, 2026-11-01`" in page, "a backtick would end the code mark"
    assert "The data of 1 other tables is the same." in page


def test_changed_columns_are_reported_and_not_compared(
    connection: psycopg.Connection,
) -> None:
    diff = diff_after(
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
def test_without_a_key_each_of_several_equal_rows_counts(
    connection: psycopg.Connection, key: tuple[str, ...]
) -> None:
    diff = diff_after(
        connection, "insert into after.days select * from after.days where name = 'Björk`s'", key=key
    )
    assert (diff.rows, diff.added, diff.removed, diff.changed) == ((3, 4), 1, 0, 0)


def test_a_changed_key_is_one_removed_and_one_added_row(connection: psycopg.Connection) -> None:
    diff = diff_after(connection, "update after.days set name = 'Björk' where name = 'Björk`s'")
    assert (diff.added, diff.removed, diff.changed) == (1, 1, 0)


def test_the_error_for_a_missing_table_names_it(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable, match="after.days"):
        diff_after(connection, "drop table after.days")
