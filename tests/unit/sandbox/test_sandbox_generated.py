"""Tests the generated catalogue: its content, and that a day's state depends only on seed and day."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta

import pytest

from spotify_sandbox.catalogue.catalog import Catalog
from spotify_sandbox.catalogue.generated import GeneratedCatalog, GeneratedSource
from spotify_sandbox.catalogue.plans import NAMELESS_FOR
from spotify_sandbox.ids import is_id

DAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def catalog() -> GeneratedCatalog:
    return GeneratedSource(seed=1, size=2000).on(DAY)


def everything(catalog: Catalog) -> tuple[object, ...]:
    return (list(catalog.artists()), list(catalog.albums()), list(catalog.tracks()))


def test_equal_seeds_give_equal_catalogues_and_others_do_not(catalog: GeneratedCatalog) -> None:
    assert everything(GeneratedSource(1, 2000).on(DAY)) == everything(catalog)
    assert everything(GeneratedSource(2, 2000).on(DAY)) != everything(catalog)


def test_a_day_does_not_depend_on_days_requested_before(catalog: GeneratedCatalog) -> None:
    source = GeneratedSource(1, 2000)
    for days in (400, -3, -900, 1):
        source.on(DAY + timedelta(days=days))
    assert everything(source.on(DAY)) == everything(catalog)


@pytest.mark.parametrize("size", [50, 2000, 20_000])
def test_it_has_about_the_requested_size(size: int) -> None:
    tracks = GeneratedSource(3, size).on(DAY).counts().tracks
    # there is at least one release a day, which matters in a small catalogue
    assert size * 0.85 < tracks < size * 1.15 + 600


def test_tracks_are_generated_only_when_an_album_is_needed() -> None:
    catalog = GeneratedSource(1, 100_000).on(DAY)
    assert catalog.counts().tracks > 90_000
    assert not catalog._album_tracks  # nothing is generated yet
    album = next(iter(catalog.albums()))
    assert catalog.track(catalog.album_tracks(album.id)[-1].id) is not None
    assert len(catalog._album_tracks) == 1


def test_every_record_is_found_by_its_id_and_ids_are_unique(catalog: GeneratedCatalog) -> None:
    for records, find in (
        (list(catalog.artists()), catalog.artist),
        (list(catalog.albums()), catalog.album),
        (list(catalog.tracks()), catalog.track),
    ):
        assert all(is_id(record.id) and find(record.id) == record for record in records)
        assert len({record.id for record in records}) == len(records)
    counts = catalog.counts()
    assert (counts.artists, counts.albums, counts.tracks) == tuple(map(len, everything(catalog)))  # type: ignore[arg-type]


def test_albums_list_their_tracks_in_order_over_discs(
    catalog: GeneratedCatalog,
) -> None:
    several_discs = beyond_a_page = 0
    for album in catalog.albums():
        places = [(track.disc_number, track.track_number) for track in catalog.album_tracks(album.id)]
        assert places == sorted(set(places))
        assert len(places) == album.total_tracks
        several_discs += places[-1][0] > 1
        beyond_a_page += len(places) > 50
    assert several_discs > 3
    assert beyond_a_page >= 2


def test_artists_list_the_albums_they_made_and_appear_on(catalog: GeneratedCatalog) -> None:
    listed: dict[str, set[str]] = defaultdict(set)
    for artist in catalog.artists():
        albums = catalog.artist_albums(artist.id)
        assert len({album.id for _, album in albums}) == len(albums)
        for group, album in albums:
            listed[album.id].add(artist.id)
            if group == "appears_on":
                assert artist.id not in album.artist_ids
                assert any(artist.id in track.artist_ids for track in catalog.album_tracks(album.id))
            else:
                assert (group, artist.id in album.artist_ids) == (album.album_type, True)
    assert set(listed) == {album.id for album in catalog.albums()}, (
        "an album that no artist lists cannot be found"
    )
    assert sum(len(artists) > 1 for artists in listed.values()) > 20
    assert max(len(catalog.artist_albums(artist.id)) for artist in catalog.artists()) > 20


def test_it_is_as_varied_as_the_real_catalogue(catalog: GeneratedCatalog) -> None:
    albums, tracks = list(catalog.albums()), list(catalog.tracks())
    assert set(Counter(album.album_type for album in albums)) == {"album", "single", "compilation"}
    assert set(Counter(album.release_date_precision for album in albums)) == {"year", "month", "day"}
    assert all(
        len(album.release_date) == {"year": 4, "month": 7, "day": 10}[album.release_date_precision]
        for album in albums
    )
    assert any(not artist.name.isascii() for artist in catalog.artists())
    assert {track.explicit for track in tracks} == {True, False}
    assert any(track.preview_url is None for track in tracks)
    assert any(track.isrc is None for track in tracks)
    assert any(not artist.genres for artist in catalog.artists())
    assert any(not album.markets for album in albums)


def test_a_single_shares_its_recording_with_the_album(catalog: GeneratedCatalog) -> None:
    by_isrc = defaultdict(list)
    for track in catalog.tracks():
        if track.isrc:
            by_isrc[track.isrc].append(track)
    shared = [tracks for tracks in by_isrc.values() if len(tracks) > 1]
    assert len(shared) > 20
    for tracks in shared:
        assert len({(track.name, track.duration_ms, track.artist_ids) for track in tracks}) == 1
        assert len({track.album_id for track in tracks}) == len(tracks)


def test_releases_appear_on_their_day_and_stay(catalog: GeneratedCatalog) -> None:
    before = {album.id for album in GeneratedSource(1, 2000).on(DAY - timedelta(days=1)).albums()}
    now = {album.id: album for album in catalog.albums()}
    new = [album for album_id, album in now.items() if album_id not in before]
    assert before < now.keys()
    assert {album.release_date for album in new} == {DAY.isoformat()}
    # the tracks of an album appear with the album
    track = catalog.album_tracks(new[0].id)[0]
    assert GeneratedSource(1, 2000).on(DAY - timedelta(days=1)).track(track.id) is None


def test_popularity_and_followers_change_from_day_to_day(catalog: GeneratedCatalog) -> None:
    tomorrow = GeneratedSource(1, 2000).on(DAY + timedelta(days=1))
    tracks = list(catalog.tracks())
    moved = [abs((tomorrow.track(track.id) or track).popularity - track.popularity) for track in tracks]  # type: ignore[operator]
    assert len(tracks) * 0.3 < sum(step > 0 for step in moved) < len(tracks) * 0.9
    assert max(moved) <= 5
    grown = [
        ((tomorrow.artist(artist.id) or artist).followers or 0) - (artist.followers or 0)
        for artist in catalog.artists()
    ]
    assert min(grown) >= 0
    assert sum(step > 0 for step in grown) > len(grown) / 2


def test_early_dates_have_fewer_records_than_late_ones(catalog: GeneratedCatalog) -> None:
    source = GeneratedSource(1, 2000)
    assert source.on(date(1950, 1, 1)).counts().albums == 0
    assert source.on(date(2030, 1, 1)).counts().tracks > catalog.counts().tracks


def test_a_takedown_removes_the_name_first_then_the_album() -> None:
    source = GeneratedSource(1, 2000)
    planner = source.on(DAY)._planner
    plan, day = next(
        (plan, day)
        for plan in planner.base
        if (day := planner.taken_down_on(plan.number)) and day.year == 2026
    )
    before, after = source.on(day - timedelta(days=1)).album(plan.id), source.on(day).album(plan.id)
    assert before is not None
    assert after is not None
    assert (before.name, after.name, after.markets) == (plan.name, "", ())
    track = source.on(day).album_tracks(plan.id)[0]
    assert track.markets == ()
    last = day + NAMELESS_FOR
    assert source.on(last - timedelta(days=1)).track(track.id) is not None
    gone = source.on(last)
    assert gone.album(plan.id) is None
    assert gone.track(track.id) is None
    assert plan.id not in {
        album.id for artist in before.artist_ids for _, album in gone.artist_albums(artist)
    }


def test_most_albums_are_never_removed(catalog: GeneratedCatalog) -> None:
    planner = catalog._planner
    taken_down = sum(planner.taken_down_on(plan.number) is not None for plan in planner.base)
    assert 0 < taken_down < 0.1 * len(planner.base)


def test_some_tracks_are_playable_only_as_another_track(catalog: GeneratedCatalog) -> None:
    relinked = [
        (track, others)
        for track in catalog.tracks()
        if "ES" not in track.markets
        and (others := [each for each in catalog.same_recording(track.id) if "ES" in each.markets])
    ]
    assert len(relinked) >= 5
    for track, others in relinked:
        assert {each.isrc for each in others} == {track.isrc}
        assert track.id not in {each.id for each in others}
    alone = next(track for track in catalog.tracks() if len(catalog.same_recording(track.id)) == 1)
    assert catalog.same_recording(alone.id) == [alone]
    assert catalog.same_recording("0" * 22) == ()
