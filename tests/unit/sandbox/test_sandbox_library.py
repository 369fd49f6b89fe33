"""Tests saved tracks, plays and top tracks of the sandbox's users."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from spotify_sandbox.accounts.library import PLAYS_KEPT, Library, TimeRange
from spotify_sandbox.accounts.users import User, Users
from spotify_sandbox.catalogue.catalog import Catalog, CatalogError, IndexedCatalog
from spotify_sandbox.catalogue.generated import GeneratedSource

NOW = datetime(2026, 11, 22, 20, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIGHT, HEAVY = Users(1, 2).everyone()


class EmptyCatalogue:
    """An empty catalogue."""

    first_day = date(2026, 1, 1)

    def on(self, day: date) -> Catalog:
        return IndexedCatalog(day, {}, {}, {})


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(GeneratedSource(1, 500), 1)


def test_plays_are_the_last_fifty_newest_first(library: Library) -> None:
    plays = library.plays(HEAVY, NOW)
    cursors = [play.cursor for play in plays]
    assert len(plays) == PLAYS_KEPT
    assert cursors == sorted(set(cursors), reverse=True)
    assert all(play.played_at <= NOW for play in plays)
    assert {play.context for play in plays} >= {None}


@pytest.mark.parametrize("user", [LIGHT, HEAVY], ids=["light", "heavy"])
def test_hourly_reads_miss_no_play_and_plays_do_not_change(library: Library, user: User) -> None:
    seen: dict[int, str] = {}
    for hour in range(48):
        kept = library.plays(user, NOW + hour * HOUR)
        for play in kept:
            assert seen.setdefault(play.cursor, play.track.id) == play.track.id
        oldest = kept[-1].cursor
        assert {play.cursor for play in kept} == {cursor for cursor in seen if cursor >= oldest}
    assert len(seen) > PLAYS_KEPT


def test_a_heavy_listener_plays_more_a_day_than_is_kept(library: Library) -> None:
    by_user = {user.id: library.plays(user, NOW)[-1].played_at < NOW - DAY for user in (LIGHT, HEAVY)}
    assert by_user == {LIGHT.id: True, HEAVY.id: False}


def test_saved_tracks_are_unique_newest_first_and_change(library: Library) -> None:
    today, tomorrow = library.saved(LIGHT, NOW), library.saved(LIGHT, NOW + 3 * DAY)
    ids = [track.id for _, track in today]
    moments = [added_at for added_at, _ in today]
    assert len(ids) == len(set(ids)) > 50
    assert moments == sorted(moments, reverse=True)
    later = {track.id for _, track in tomorrow}
    assert later - set(ids)
    assert set(ids) - later
    assert library.saved(HEAVY, NOW) != today


def test_the_top_list_of_a_longer_span_changes_more_slowly(library: Library) -> None:
    def changes(span: TimeRange) -> int:
        lists = [[track.id for track in library.top(LIGHT, span, NOW + day * DAY)] for day in range(15)]
        assert all(len(each) == len(set(each)) > 30 for each in lists)
        return sum(a != b for a, b in pairwise(lists))

    short, medium, long = (changes(span) for span in TimeRange)
    assert short == 14
    assert short > medium > long > 0


def test_equal_seeds_give_equal_libraries(library: Library) -> None:
    other = Library(GeneratedSource(1, 500), 1)
    other.plays(LIGHT, NOW + 50 * DAY)  # earlier requests must not matter
    assert other.plays(LIGHT, NOW) == library.plays(LIGHT, NOW)
    assert other.saved(LIGHT, NOW) == library.saved(LIGHT, NOW)
    assert Library(GeneratedSource(1, 500), 2).plays(LIGHT, NOW) != library.plays(LIGHT, NOW)


def test_a_catalogue_without_tracks_is_an_error() -> None:
    with pytest.raises(CatalogError, match="the catalogue has no tracks"):
        Library(EmptyCatalogue(), 1).pick(5)
