"""Tests that every table and zone has a rule for erasure and one for retention."""

from __future__ import annotations

from spotify_pipeline.lake import keys
from spotify_pipeline.maintenance.inventory import OUTSIDE, ZONES, Erased
from spotify_pipeline.settings import Settings
from spotify_pipeline.warehouse import erase_sql, retention
from spotify_pipeline.warehouse.tables import metadata


def test_every_table_has_a_rule_for_erasure() -> None:
    assert sorted(erase_sql.TABLES) == sorted(metadata.tables)
    assert all(erase_sql.TABLES.values())


def test_every_table_with_a_user_is_erased() -> None:
    about_users = {
        name
        for name, table in metadata.tables.items()
        if {"user_hash", "owner_hash", "raw_key"} & set(table.columns.keys())
    }
    spared = {name for name, how in erase_sql.TABLES.items() if how.startswith("nothing")}
    assert about_users & spared == {"ops.erasure"}


def test_every_table_and_zone_has_an_age_or_a_reason() -> None:
    assert sorted([*retention.DELETE, *retention.KEPT]) == sorted(metadata.tables)
    settings = Settings()
    stays = {zone.name for zone in ZONES if zone.days(settings) is None}
    assert stays == {zone.name for zone in ZONES if zone.erased in (Erased.NOTHING, Erased.RECEIPTS)}


def test_every_zone_of_the_keys_is_listed() -> None:
    constants = {value for name, value in vars(keys).items() if name.isupper() and isinstance(value, str)}
    files = {
        keys.MANIFEST_NAME,
        keys.SUMMARY_NAME,
        keys.SELECTION_NAME,
        keys.DOCS_PAGE,
        keys.ALERTS_WITHOUT_DATE,
    }
    assert constants - files == {zone.name for zone in ZONES}
    assert all(OUTSIDE.values())
