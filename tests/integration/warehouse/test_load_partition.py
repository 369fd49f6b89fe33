"""Tests of what one load writes to the tables."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.contract.observations import FULL, Observation
from spotify_pipeline.errors import RowRefused
from spotify_pipeline.warehouse.merge import BATCH, MergeCounts, MergeOutcome
from tests.integration.warehouse.warehouse_database import DAY, Warehouse, artist, track

pytestmark = pytest.mark.integration
AT = datetime(2026, 11, 5, 3, tzinfo=UTC)
VERSIONS = """
    SELECT 'tracks', xmin::text, track_id FROM staging.tracks
    UNION ALL SELECT 'artists', xmin::text, artist_id FROM staging.artists
    UNION ALL SELECT 'observations', xmin::text, track_id FROM staging.track_observations
    UNION ALL SELECT 'records', xmin::text, record_id FROM staging.source_records
    ORDER BY 1, 3
"""


def tracks_of(outcome: MergeOutcome) -> MergeCounts:
    return outcome.tables["staging.tracks"]


def test_promise_1_a_second_run_changes_no_row(warehouse: Warehouse) -> None:
    observations = [track(rank=FULL, isrc="QZ1"), track("track-2"), artist(stub=True), artist("artist-2")]
    warehouse.load(observations)
    before, sums = warehouse.rows(VERSIONS), warehouse.checksums()
    outcome = warehouse.load(observations)
    assert warehouse.rows(VERSIONS) == before
    assert warehouse.checksums() == sums
    assert tracks_of(outcome) == MergeCounts(unchanged=2)
    assert outcome.kinds["track"] == KindCounts(loaded=2)


def test_an_older_partition_run_again_changes_no_row(warehouse: Warehouse) -> None:
    old, new = [track()], [track(at=AT + timedelta(days=1), raw_key="raw/b.json", name="New")]
    warehouse.load(old)
    warehouse.load(new, partition=DAY + timedelta(days=1))
    before = warehouse.rows(VERSIONS)
    outcome = warehouse.load(old)
    assert warehouse.rows(VERSIONS) == before
    assert tracks_of(outcome) == MergeCounts(superseded=1)


def test_absent_is_not_null(warehouse: Warehouse) -> None:
    warehouse.load([track(rank=FULL, isrc="QZ1", popularity=7, is_playable=True)])
    later: dict[str, Any] = {"at": AT + timedelta(hours=1), "raw_key": "raw/b.json"}
    warehouse.load([track(name="Renamed", **later)])
    query = "SELECT name, isrc, popularity, is_playable FROM staging.tracks"
    assert warehouse.row(query) == ("Renamed", "QZ1", 7, True)
    warehouse.load([track(at=AT + timedelta(hours=2), raw_key="raw/c.json", isrc=None)])
    assert warehouse.row(query) == ("Name", None, 7, True)


def test_a_full_record_takes_precedence_over_a_simplified_one(warehouse: Warehouse) -> None:
    warehouse.load(
        [track(rank=FULL, name="Full", raw_key="raw/a"), track(name="Simplified", raw_key="raw/z")]
    )
    assert warehouse.row("SELECT name, listing_rank FROM staging.tracks") == ("Full", FULL)


def test_raw_keys_are_compared_byte_by_byte(warehouse: Warehouse) -> None:
    """In most languages é sorts before z; its bytes sort after."""
    warehouse.load([track(name="accent", raw_key="raw/é"), track(name="z", raw_key="raw/z")])
    assert warehouse.row("SELECT name FROM staging.tracks") == ("accent",)


def test_the_last_of_two_observations_in_one_response_is_kept(warehouse: Warehouse) -> None:
    outcome = warehouse.load([track(name="first"), track(name="last")])
    assert warehouse.row("SELECT name FROM staging.tracks") == ("last",)
    assert outcome.kinds["track"] == KindCounts(loaded=1, duplicates=1)


def test_a_corrected_value_with_an_equal_key_is_updated(warehouse: Warehouse) -> None:
    warehouse.load([track(rank=FULL, isrc="wrong")])
    outcome = warehouse.load([track(rank=FULL, isrc="QZ1")])
    assert warehouse.row("SELECT isrc, load_seq FROM staging.tracks") == ("QZ1", outcome.load_seq)
    assert warehouse.row("SELECT isrc FROM staging.track_observations") == ("QZ1",)
    assert tracks_of(outcome) == MergeCounts(updated=1)


def test_one_observation_for_each_utc_date(warehouse: Warehouse) -> None:
    evening = datetime(2026, 11, 5, 23, 30, tzinfo=UTC)
    warehouse.load(
        [
            track(at=evening, raw_key="raw/a", name="before", popularity=1),
            track(at=evening + timedelta(hours=1), raw_key="raw/b", name="after"),
        ]
    )
    rows = "SELECT observed_on, name, popularity FROM staging.track_observations ORDER BY 1"
    assert warehouse.rows(rows) == [(date(2026, 11, 5), "before", 1), (date(2026, 11, 6), "after", None)]
    assert warehouse.row("SELECT name, popularity, first_seen_on, last_seen_on FROM staging.tracks") == (
        "after",
        1,
        date(2026, 11, 5),
        date(2026, 11, 6),
    )


def test_a_stub_fills_the_tables_and_belongs_to_no_source(warehouse: Warehouse) -> None:
    outcome = warehouse.load([track(), artist(stub=True), artist(stub=True)])
    assert warehouse.rows("SELECT artist_id, name FROM staging.artists") == [("artist-1", "Artist")]
    assert warehouse.row("SELECT count(*) FROM staging.artist_observations") == (1,)
    assert warehouse.rows("SELECT source, record_kind, record_id FROM staging.source_records") == [
        ("one", "track", "track-1")
    ]
    assert outcome.kinds["artist"] == KindCounts()


def test_a_record_in_two_sources_counts_in_each(warehouse: Warehouse) -> None:
    for source in ("one", "two"):
        assert warehouse.load([track()], source=source).kinds["track"].loaded == 1
    assert warehouse.rows("SELECT source FROM staging.source_records ORDER BY 1") == [("one",), ("two",)]


def test_the_load_log_has_the_counts_of_a_load(warehouse: Warehouse) -> None:
    outcome = warehouse.load([track(), track("track-2"), artist(stub=True)], complete=False)
    logged = warehouse.row(
        "SELECT load_seq, partition, source, inserted, updated, unchanged, complete, run_id, try_number,"
        " finished_at >= started_at FROM ops.load"
    )
    assert logged == (outcome.load_seq, DAY, "one", 3, 0, 0, False, "test", 1, True)


def test_mixed_kinds_in_more_than_one_batch_are_all_loaded(warehouse: Warehouse) -> None:
    count = BATCH + 7
    stream = (make(str(number)) for number in range(count) for make in (track, artist))
    outcome = warehouse.load(stream)
    assert tracks_of(outcome).inserted == outcome.tables["staging.artists"].inserted == count


def test_text_is_stored_unchanged(warehouse: Warehouse) -> None:
    name = 'tab\t "quote" \\N {curly} \r\n ' + "\N{SNOWMAN}\N{GRINNING FACE}"
    warehouse.load([track(name=name, artist_ids=[name, ""]), artist("none", genres=[], image_url=None)])
    assert warehouse.row("SELECT name, artist_ids FROM staging.tracks") == (name, [name, ""])
    assert warehouse.row("SELECT genres FROM staging.artists") == ([],)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "nul \x00 byte"}, "NUL"),
        ({"name": "half \ud800 character"}, "surrogates"),
        ({"duration_ms": 2**31}, "out of range"),
        ({"popularity": 101}, "popularity_check"),
        ({"name": None}, "null value"),
        ({"track_number": -1}, "track_number_check"),
        ({"explicit": "perhaps"}, "boolean"),
    ],
)
def test_the_error_for_a_row_that_postgres_refuses_names_it(
    warehouse: Warehouse, fields: dict[str, Any], words: str
) -> None:
    observations = [track("good-1"), track("bad-2", **fields), track("good-3")]
    with pytest.raises(RowRefused, match=rf"track bad-2.*{words}"):
        warehouse.load(observations)
    assert warehouse.row("SELECT count(*) FROM staging.tracks") == (0,)
    assert warehouse.row("SELECT count(*) FROM ops.load") == (0,)


def test_the_error_for_a_malformed_observation_names_it(warehouse: Warehouse) -> None:
    without_name = Observation("artist", "a1", 0, AT, "raw/a.json", {"listing": {}})
    with pytest.raises(ValueError, match=r"artist a1 of raw/a\.json does not fit .*listing\.name"):
        warehouse.load([without_name])
    with pytest.raises(ValueError, match="no time zone"):
        warehouse.load([track(at=datetime(2026, 11, 5, 3))])
