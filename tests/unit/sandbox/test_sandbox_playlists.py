"""Tests the playlists of the sandbox's users."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from spotify_sandbox.accounts.library import Library
from spotify_sandbox.accounts.playlists import EDITORIAL_OWNER, ItemKind, Playlists
from spotify_sandbox.accounts.users import Users
from spotify_sandbox.catalogue.generated import GeneratedSource
from spotify_sandbox.ids import is_id

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
DAY = timedelta(days=1)
USERS = Users(1, 3)


@pytest.fixture(scope="module")
def playlists() -> Playlists:
    return Playlists(USERS, Library(GeneratedSource(1, 500), 1), 1)


def test_every_user_has_three_own_and_the_shared_playlists(playlists: Playlists) -> None:
    for user in USERS.everyone():
        mine = playlists.of(user.id)
        own = sorted(len(playlists.entries(each, NOW)) for each in mine if each.owner == user)
        assert own[0] == 0
        assert own[-1] > 100
        assert [each.owner_id for each in mine if each.owner != user][-1] == EDITORIAL_OWNER
        assert sum(each.collaborative for each in mine) == 1
    assert all(is_id(each.id) for each in playlists.all())


def test_only_owner_and_collaborators_may_read_items(playlists: Playlists) -> None:
    shared = next(each for each in playlists.all() if each.collaborative)
    editorial = next(each for each in playlists.all() if each.owner is None)
    private = next(each for each in playlists.of("listener2") if not each.public and not each.collaborative)
    assert all(shared.may_read_items(user.id) for user in USERS.everyone())
    assert not any(editorial.may_read_items(user.id) for user in USERS.everyone())
    assert editorial.may_see("anyone")
    assert [private.may_see(user.id) for user in USERS.everyone()] == [False, True, False]


def test_entries_are_mostly_tracks_and_include_every_kind(playlists: Playlists) -> None:
    entries = [entry for each in playlists.all() for entry in playlists.entries(each, NOW)]
    kinds = Counter(entry.kind for entry in entries)
    assert set(kinds) == set(ItemKind)
    assert kinds[ItemKind.TRACK] > 0.8 * len(entries)
    assert any(entry.added_at is None for entry in entries)
    assert all((entry.track_id is not None) == (entry.kind is ItemKind.TRACK) for entry in entries)


def test_the_snapshot_changes_only_with_the_entries(playlists: Playlists) -> None:
    short = min(
        (each for each in playlists.of("listener1") if each.churn.founders),
        key=lambda each: each.churn.founders,
    )
    moments = [NOW + hour * timedelta(hours=6) for hour in range(80)]
    states = [(playlists.snapshot_id(short, now), playlists.entries(short, now)) for now in moments]
    equal = [a[1] == b[1] for a, b in pairwise(states)]
    assert [a[0] == b[0] for a, b in pairwise(states)] == equal
    assert {True, False} == set(equal)


def test_without_users_there_are_no_playlists() -> None:
    assert Playlists(Users(1, 0), Library(GeneratedSource(1, 50), 1), 1).all() == []
