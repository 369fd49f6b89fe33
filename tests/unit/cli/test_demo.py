"""Tests the texts of `spotify-pipeline demo`."""

from __future__ import annotations

from datetime import date

from spotify_pipeline.cli.demo import counted

DAY = date(2026, 11, 22)


def test_one_partition_is_singular() -> None:
    assert counted([DAY]) == "1 partition, 2026-11-22"
    assert counted([DAY, date(2026, 11, 23)]) == "2 partitions, 2026-11-22 to 2026-11-23"
