"""Tests the statements that delete old rows."""

from __future__ import annotations

import re
from dataclasses import fields

from spotify_pipeline.warehouse import retention
from spotify_pipeline.warehouse.tables import metadata


def test_every_table_has_a_statement_or_a_reason_to_keep_it() -> None:
    named = [*retention.DELETE, *retention.KEPT]
    assert sorted(named) == sorted(metadata.tables)
    assert all(retention.KEPT.values())


def test_each_statement_deletes_from_its_own_table() -> None:
    for table, statement in retention.DELETE.items():
        assert re.findall(r"DELETE FROM ([a-z_.]+)", statement) == [table]


def test_each_statement_uses_one_cutoff() -> None:
    names = {field.name for field in fields(retention.Cutoffs)}
    for statement in retention.DELETE.values():
        assert len(used := re.findall(r"%\((\w+)\)s", statement)) == 1
        assert used[0] in names
