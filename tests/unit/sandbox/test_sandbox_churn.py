"""Tests lists of the sandbox that change from day to day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from spotify_sandbox.accounts.churn import Churn

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
DAY = timedelta(days=1)
CHURN = Churn(key=7, founders=60, per_day=2.5, stay=(5, 40))


def test_the_state_depends_only_on_key_and_time() -> None:
    assert CHURN.ordered_at(NOW) == Churn(7, 60, 2.5, (5, 40)).ordered_at(NOW)
    assert CHURN.at(NOW) != Churn(8, 60, 2.5, (5, 40)).at(NOW)


def test_entries_are_added_and_removed_and_never_return() -> None:
    gone: set[int] = set()
    before = {entry.key: entry for entry in CHURN.at(NOW)}
    added = removed = 0
    for day in range(1, 61):
        now = NOW + day * DAY
        state = {entry.key: entry for entry in CHURN.at(now)}
        fresh = state.keys() - before.keys()
        assert all(now - DAY < state[key].added_at <= now for key in fresh)
        assert all(state[key] == before[key] for key in state.keys() & before.keys())
        gone |= before.keys() - state.keys()
        assert not gone & state.keys()
        added, removed, before = added + len(fresh), removed + len(before.keys() - state.keys()), state
    assert 2.5 * 60 * 0.6 < added < 2.5 * 60 * 1.4
    assert removed > 60


def test_an_entry_exists_from_the_time_it_was_added() -> None:
    newest = CHURN.at(NOW)[-1]
    assert newest in CHURN.at(newest.added_at)
    assert newest not in CHURN.at(newest.added_at - timedelta(seconds=1))


def test_first_entries_exist_from_the_start_and_half_leave() -> None:
    early = {entry.key for entry in Churn(7, 60, 0.0).at(datetime(2021, 1, 1, tzinfo=UTC))}
    late = {entry.key for entry in Churn(7, 60, 0.0).at(datetime(2028, 1, 2, tzinfo=UTC))}
    assert len(early) == 60
    assert 15 < len(late) < 45
    assert late < early
    assert Churn(7, 60, 0.0).at(datetime(2018, 1, 1, tzinfo=UTC)) == []


def test_some_entries_move_and_most_keep_their_order() -> None:
    still = Churn(key=9, founders=80, per_day=0.0)
    orders = [[entry.key for entry in still.ordered_at(NOW + day * DAY)] for day in range(20)]
    assert any(a != b and set(a) == set(b) for a, b in pairwise(orders)), (
        "nothing moved without being added or removed"
    )
    as_added = [entry.key for entry in still.at(NOW)]
    assert sum(a == b for a, b in zip(orders[0], as_added, strict=True)) > len(as_added) // 4
    assert sorted(orders[0]) == sorted(as_added)
