"""Tests which albums and details a later day fetches, also after a day that stopped early."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import orjson
import pytest

from spotify_pipeline.contract.albums import listing_sha256
from spotify_pipeline.lake import keys
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.crawl_state import unchanged_albums
from spotify_pipeline.warehouse.detail_queue import mark_not_returned, stale_tracks
from spotify_sandbox.testing import RunningSandbox, running
from tests.integration.pipeline import Pipeline, connected

pytestmark = pytest.mark.integration
FIRST, SECOND = date(2026, 11, 20), date(2026, 11, 22)
BETWEEN = FIRST + timedelta(days=1)
ALBUM, MORE_TRACKS = "/v1/albums/{id}", "/v1/albums/{id}/tracks"
ARTISTS, ALBUMS_EACH, TRACKS_EACH = 3, 4, 60


def _id(kind: str, number: int) -> str:
    return f"{kind}{number:0>{22 - len(kind)}}"


def _write(folder: Path, changed: int = 0) -> None:
    """Write a catalogue folder in which the first `changed` albums have one more track."""
    folder.mkdir(parents=True)
    artists = [{"id": _id("artist", n), "name": f"Artist {n}"} for n in range(ARTISTS)]
    albums, tracks = [], []
    for number in range(ARTISTS * ALBUMS_EACH):
        artist_ids = [artists[number % ARTISTS]["id"]]
        count = TRACKS_EACH + (number < changed)
        albums.append(
            {
                "id": _id("album", number),
                "name": f"Album {number}",
                "album_type": "album",
                "artist_ids": artist_ids,
                "release_date": "2020-01-01",
                "release_date_precision": "day",
                "total_tracks": count,
            }
        )
        tracks += [
            {
                "id": _id("track", number * 1000 + position),
                "name": f"Track {position}",
                "album_id": _id("album", number),
                "artist_ids": artist_ids,
                "track_number": position + 1,
                "disc_number": 1,
                "duration_ms": 1000,
                "explicit": False,
                "popularity": 10,
                "isrc": f"QZAAA20{number * 100 + position:05}",
            }
            for position in range(count)
        ]
    for name, records in (("artists", artists), ("albums", albums), ("tracks", tracks)):
        lines = b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records)
        (folder / f"{name}.jsonl").write_bytes(lines)


@pytest.fixture(scope="module")
def folder_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    catalogue = tmp_path_factory.mktemp("catalogue")
    _write(catalogue / FIRST.isoformat())
    _write(catalogue / SECOND.isoformat(), changed=2)
    with running(catalog=catalogue) as sandbox:
        yield sandbox


@pytest.fixture
def listed(pipeline: Pipeline, folder_sandbox: RunningSandbox) -> Pipeline:
    """A pipeline whose two sources contain all artists of the folder, one of them in both."""
    folder_sandbox.control.clear_faults()
    folder_sandbox.control.reset_calls()
    moved = connected(pipeline, folder_sandbox)
    moved.go_to(FIRST)
    artists = [_id("artist", n) for n in range(ARTISTS)]
    moved.list_sources(
        {"name": "first", "kind": "artist", "ids": artists[:2]},
        {"name": "second", "kind": "artist", "ids": artists[1:]},
    )
    return moved


def album_calls(pipeline: Pipeline) -> int:
    calls = pipeline.sandbox.control.calls().by_bucket
    return calls.get(ALBUM, 0) + calls.get(MORE_TRACKS, 0)


def run_on(pipeline: Pipeline, day: date) -> int:
    """Run a partition, and return the number of its calls for albums and their tracks."""
    pipeline.go_to(day)
    pipeline.sandbox.control.reset_calls()
    pipeline.run(day)
    return album_calls(pipeline)


def test_a_day_fetches_only_the_albums_that_changed(listed: Pipeline) -> None:
    whole = run_on(listed, FIRST)
    assert whole == 2 * 2 * ALBUMS_EACH * 2  # two sources of two artists; two calls an album
    assert run_on(listed, BETWEEN) <= whole * 0.05
    tracks = listed.query("SELECT count(*) FROM staging.tracks")
    assert tracks == [(ARTISTS * ALBUMS_EACH * TRACKS_EACH,)]
    # albums 0 and 1 grew; the artist of album 1 is in both sources
    assert run_on(listed, SECOND) == (1 + 2) * 2
    assert listed.query("SELECT count(*) FROM staging.tracks") == [(tracks[0][0] + 2,)]  # type: ignore[operator]


@pytest.mark.slow
def test_a_skipped_album_counts_as_seen_in_a_complete_source(listed: Pipeline) -> None:
    run_on(listed, FIRST)
    run_on(listed, BETWEEN)
    assert listed.query("SELECT DISTINCT last_seen_on FROM staging.albums") == [(BETWEEN,)]
    assert listed.query(f"SELECT DISTINCT status FROM ops.reconciliation WHERE partition = '{BETWEEN}'") == [
        ("complete",)
    ]


def test_promise_1_a_repeated_day_fetches_and_changes_nothing(listed: Pipeline) -> None:
    for day in (FIRST, BETWEEN):
        run_on(listed, day)
    before = (
        listed.checksums(),
        listed.objects("raw"),
        listed.query("SELECT * FROM ops.crawl_state ORDER BY 1, 3"),
    )
    assert run_on(listed, BETWEEN) == 0
    state = listed.query("SELECT * FROM ops.crawl_state ORDER BY 1, 3")
    assert (listed.checksums(), listed.objects("raw"), state) == before


@pytest.mark.slow
def test_an_older_partition_does_not_change_the_crawl_state(listed: Pipeline) -> None:
    for day in (FIRST, SECOND):
        run_on(listed, day)
    after = listed.query("SELECT * FROM ops.crawl_state ORDER BY 1, 3")
    listed.validate("first", FIRST)
    listed.load("first", FIRST)
    assert listed.query("SELECT * FROM ops.crawl_state ORDER BY 1, 3") == after


@pytest.mark.slow
def test_a_due_refresh_fetches_an_unchanged_album_again(listed: Pipeline) -> None:
    whole = run_on(listed, FIRST)
    days = listed.runtime.settings.album_refresh_days
    due = listed.query("SELECT min(refresh_due_on), max(refresh_due_on) FROM ops.crawl_state")
    assert FIRST + timedelta(days=days // 2) <= due[0][0] < due[0][1] <= FIRST + timedelta(days=days)  # type: ignore[operator]
    with connect(listed.runtime.ingest) as conn:
        conn.execute("UPDATE ops.crawl_state SET refresh_due_on = %s", [BETWEEN])
    assert run_on(listed, BETWEEN) == whole


@pytest.mark.parametrize("spoilt", ["/v1/albums/", "/v1/albums/[^/]+/tracks"], ids=["albums", "their pages"])
def test_a_source_stopped_by_its_quota_continues_the_next_day(listed: Pipeline, spoilt: str) -> None:
    listed.list_sources({"name": "all", "kind": "artist", "ids": [_id("artist", n) for n in range(ARTISTS)]})
    listed.go_to(FIRST)
    control = listed.sandbox.control
    control.reset_calls()
    control.exhaust_quota(spoilt, after=9, retry_after=86_400)
    assert set(listed.run(FIRST).partial) == {"all"}
    begun = listed.query("SELECT record_id, next_offset FROM ops.crawl_begun ORDER BY 1")
    assert begun
    assert {row[1] for row in begun} == {50}
    fetched = album_pages(listed)
    assert 9 <= fetched.total() < 2 * ARTISTS * ALBUMS_EACH
    control.clear_faults()
    # after the end of the quota error, with the same catalogue
    listed.go_to(BETWEEN, "07:00:00")
    assert listed.run(BETWEEN).complete == ["all"]
    assert set(album_pages(listed).values()) == {1}
    assert album_pages(listed).total() == 2 * ARTISTS * ALBUMS_EACH
    assert listed.query("SELECT count(*) FROM staging.tracks") == [(ARTISTS * ALBUMS_EACH * TRACKS_EACH,)]
    # a repeated partition fetches nothing; the next day fetches only the two albums that have grown
    control.reset_calls()
    listed.run(BETWEEN)
    assert album_calls(listed) == 0
    assert run_on(listed, SECOND) == 2 * 2


def test_a_continued_album_is_complete_in_any_order_of_loads(listed: Pipeline) -> None:
    listed.list_sources({"name": "all", "kind": "artist", "ids": [_id("artist", 0)]})
    listed.go_to(FIRST)
    listed.sandbox.control.exhaust_quota("/v1/albums/[^/]+/tracks", after=2, retry_after=86_400)
    listed.run(FIRST)
    listed.sandbox.control.clear_faults()
    listed.go_to(BETWEEN, "07:00:00")
    listed.run(BETWEEN)
    state = "SELECT * FROM ops.crawl_state ORDER BY record_id"
    begun = "SELECT * FROM ops.crawl_begun ORDER BY record_id"
    known = listed.query(state), listed.query(begun)
    assert len(known[0]) == ALBUMS_EACH
    with connect(listed.runtime.lookup("warehouse_owner")) as conn:
        conn.execute("TRUNCATE ops.crawl_state, ops.crawl_begun")
    for day in (BETWEEN, FIRST):
        listed.validate("all", day)
        listed.load("all", day)
    assert (listed.query(state), listed.query(begun)) == known


def test_an_album_with_a_changed_listing_is_read_from_the_start(listed: Pipeline) -> None:
    listed.list_sources({"name": "all", "kind": "artist", "ids": [_id("artist", 0)]})
    listed.go_to(FIRST)
    listed.sandbox.control.exhaust_quota("/v1/albums/[^/]+/tracks", retry_after=86_400)
    listed.run(FIRST)
    listed.sandbox.control.clear_faults()
    # the first of the artist's albums has one more track
    assert run_on(listed, SECOND) == 2 + (ALBUMS_EACH - 1)
    assert listed.query("SELECT count(*) FROM staging.tracks") == [(ALBUMS_EACH * TRACKS_EACH + 1,)]


def album_pages(pipeline: Pipeline) -> Counter[tuple[str, str]]:
    """Count Spotify's responses for albums and their tracks, by path and query."""
    return Counter(
        (call["path"], call["query"])
        for call in pipeline.sandbox.control.calls(recent=200_000).recent
        if call["bucket"] in (ALBUM, MORE_TRACKS) and call["status"] == 200
    )


def test_only_the_state_of_an_earlier_date_skips_an_album(listed: Pipeline) -> None:
    run_on(listed, FIRST)
    with connect(listed.runtime.ingest) as conn:
        assert unchanged_albums(conn, "first", FIRST) == {}
        assert len(unchanged_albums(conn, "first", BETWEEN)) == 2 * ALBUMS_EACH
        assert unchanged_albums(conn, "never-planned", BETWEEN) == {}


def test_the_listing_hash_does_not_depend_on_the_request() -> None:
    album = {
        "id": _id("album", 1),
        "type": "album",
        "name": "Album",
        "album_type": "album",
        "artists": [{"id": _id("artist", 1), "name": "Artist"}],
        "release_date": "2020",
        "release_date_precision": "year",
        "total_tracks": 3,
        "images": [],
        "uri": f"spotify:album:{_id('album', 1)}",
    }
    own = listing_sha256(album)
    assert own is not None
    assert listing_sha256(album | {"available_markets": ["DE"], "album_group": "single"}) == own
    assert listing_sha256(album | {"total_tracks": 4}) != own
    assert listing_sha256(album | {"name": None}) is None
    assert listing_sha256("no album") is None


def test_details_are_fetched_within_the_budget(listed: Pipeline) -> None:
    budgeted = replace(
        listed,
        runtime=replace(
            listed.runtime,
            settings=listed.runtime.settings.model_copy(update={"detail_calls_development": 7}),
        ),
    )
    run_on(budgeted, FIRST)
    queued = "SELECT count(*) FROM ops.detail_queue WHERE done_on IS NULL"
    assert budgeted.query(queued) == [(ARTISTS * ALBUMS_EACH * TRACKS_EACH,)]
    budgeted.sandbox.control.reset_calls()
    assert budgeted.run_details(FIRST).status == "complete"
    assert budgeted.sandbox.control.calls().by_bucket["/v1/tracks/{id}"] == 7
    assert budgeted.query("SELECT count(*) FROM staging.tracks WHERE isrc IS NOT NULL") == [(7,)]
    # a second run of the partition selects nothing more
    budgeted.sandbox.control.reset_calls()
    state = budgeted.run_details(FIRST)
    assert budgeted.sandbox.control.calls().api_total == 0
    assert state.counts["track"].adds_up
    assert budgeted.query(queued) == [(ARTISTS * ALBUMS_EACH * TRACKS_EACH - 7,)]
    # the next day continues; a refresh adds no track to a source
    budgeted.go_to(BETWEEN)
    budgeted.run(BETWEEN)
    budgeted.run_details(BETWEEN)
    assert budgeted.query("SELECT count(*) FROM staging.tracks WHERE isrc IS NOT NULL") == [(14,)]
    assert budgeted.query("SELECT count(*) FROM staging.source_records WHERE source = '_details'") == [(0,)]


@pytest.mark.slow
def test_the_selection_is_written_before_the_first_call(listed: Pipeline) -> None:
    run_on(listed, FIRST)
    listed.sandbox.control.exhaust_quota("/v1/tracks/", after=3, times=1, retry_after=3_600)
    assert listed.run_details(FIRST).status == "partial"
    chosen = orjson.loads(listed.lake.get(keys.selection_key(FIRST, "_details")).data)["ids"]
    assert len(chosen) == listed.runtime.settings.detail_calls_development
    listed.sandbox.control.clear_faults()
    listed.go_to(FIRST, "08:00:00")
    assert listed.run_details(FIRST).status == "complete"
    done = listed.query("SELECT record_id FROM ops.detail_queue WHERE done_on IS NOT NULL ORDER BY 1")
    assert [row[0] for row in done] == sorted(chosen)


@pytest.mark.slow
def test_a_track_without_response_is_refreshed_last(pipeline: Pipeline, tmp_path: Path) -> None:
    """An Extended app requests 50 tracks per call, and gets null for a track that is gone."""
    _write(tmp_path / FIRST.isoformat())
    _write(tmp_path / BETWEEN.isoformat())
    gone = [_id("track", position) for position in range(30)]
    tracks = tmp_path / BETWEEN.isoformat() / "tracks.jsonl"
    lines = [line for line in tracks.read_bytes().splitlines(True) if orjson.loads(line)["id"] not in gone]
    tracks.write_bytes(b"".join(lines))
    with running(mode="extended", catalog=tmp_path) as sandbox:
        moved = connected(pipeline, sandbox, "extended")
        settings = moved.runtime.settings.model_copy(update={"detail_calls_extended": 1})
        moved = replace(moved, runtime=replace(moved.runtime, settings=settings))
        moved.go_to(FIRST)
        moved.list_sources({"name": "all", "kind": "artist", "ids": [_id("artist", 0)]})
        moved.run(FIRST)
        moved.go_to(BETWEEN)
        moved.run(BETWEEN)
        assert moved.run_details(BETWEEN).status == "complete"
        not_returned = "SELECT record_id FROM ops.detail_queue WHERE asked_on IS NOT NULL ORDER BY 1"
        assert [row[0] for row in moved.query(not_returned)] == gone
        with connect(moved.runtime.ingest) as conn:
            total = ALBUMS_EACH * TRACKS_EACH
            # not selected again on the same day, and on the next day after all tracks not yet requested
            assert not set(gone) & set(stale_tracks(conn, BETWEEN, total))
            order = stale_tracks(conn, SECOND, total)
            assert len(order) == total
            assert set(order[-50:]) > set(gone)
            # an older partition that is loaded later changes nothing
            mark_not_returned(conn, gone[:1], FIRST)
            assert stale_tracks(conn, SECOND, total) == order


@pytest.mark.slow
def test_the_reference_catalogue_continues_the_next_day(pipeline: Pipeline, reference_data: Path) -> None:
    """Day one stops at its quota; day two fetches the other album pages, and no track is missing."""
    catalogue = reference_data / "catalogue"
    days = sorted(date.fromisoformat(folder.name) for folder in catalogue.iterdir() if folder.is_dir())
    with running(catalog=catalogue) as sandbox:
        moved = connected(pipeline, sandbox)
        moved.go_to(days[0])
        _list_all_artists(moved)
        sandbox.control.exhaust_quota("/v1/albums/", after=100, times=1, retry_after=86_400)
        assert moved.run(days[0]).partial
        first = album_pages(moved)
        sandbox.control.clear_faults()
        next_day = days[0] + timedelta(days=1)
        moved.go_to(next_day, "07:00:00")
        assert not moved.run(next_day).partial
        both = album_pages(moved)
        assert first.total() >= 100
        assert both.total() > first.total()
        # the server has seen one call per page for each source that lists the album
        shared = "SELECT record_id, count(*) FROM ops.crawl_state GROUP BY record_id"
        sources = {f"/v1/albums/{album_id}": count for album_id, count in moved.query(shared)}
        assert {page: n for page, n in both.items() if n != sources[page[0].removesuffix("/tracks")]} == {}
        served = sandbox.control.catalog()
        assert moved.query("SELECT count(*) FROM staging.tracks") == [(served.track_count,)]
        # on the newest date of the catalogue, albums with a changed listing are fetched again
        moved.go_to(days[-1])
        _list_all_artists(moved)
        moved.run(days[-1])
        assert moved.query("SELECT count(*) FROM staging.tracks") == [
            (sandbox.control.catalog().track_count,)
        ]


def _list_all_artists(pipeline: Pipeline) -> None:
    """List all artists served now in four sources, each artist in the same source on every date."""
    parts: dict[int, list[str]] = {}
    for artist_id, _ in pipeline.sandbox.control.catalog().artists:
        parts.setdefault(sum(artist_id.encode()) % 4, []).append(artist_id)
    pipeline.list_sources(*({"name": f"part{n}", "kind": "artist", "ids": parts[n]} for n in sorted(parts)))
