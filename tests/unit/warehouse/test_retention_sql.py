from __future__ import annotations

import re

from spotify_pipeline.warehouse import retention_sql
from spotify_pipeline.warehouse.tables import metadata


def test_every_table_has_an_age_or_a_reason_to_stay() -> None:
    named = [*retention_sql.DELETE, *retention_sql.KEPT]
    assert sorted(named) == sorted(metadata.tables)
    assert all(retention_sql.KEPT.values())


def test_each_statement_deletes_from_the_table_that_it_is_counted_under() -> None:
    for table, statement in retention_sql.DELETE.items():
        assert re.findall(r"DELETE FROM ([a-z_.]+)", statement) == [table]


def test_each_statement_goes_by_one_age() -> None:
    ages = {"history", "plays", "quarantine", "log"}
    for statement in retention_sql.DELETE.values():
        assert len(used := re.findall(r"%\((\w+)\)s", statement)) == 1
        assert used[0] in ages
