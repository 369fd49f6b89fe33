"""Users and the allow-list."""

from __future__ import annotations

import pytest

from spotify_sandbox.users import Users


def test_users_follow_from_the_seed() -> None:
    assert Users(1, 3).everyone() == Users(1, 5).everyone()[:3]
    assert Users(2, 3).everyone() != Users(1, 3).everyone()
    assert [user.id for user in Users(1, 3).everyone()] == ["listener1", "listener2", "listener3"]


def test_the_allow_list_holds_five() -> None:
    users = Users(1, 7)
    assert [users.is_allowed(user.id) for user in users.everyone()] == [True] * 5 + [False] * 2
    with pytest.raises(ValueError, match="the allow-list holds 5 users"):
        users.allow("listener6", True)
    users.allow("listener1", False)
    users.allow("listener6", True)
    users.allow("listener6", True)
    assert [users.is_allowed(user) for user in ("listener1", "listener6")] == [False, True]
    users.reset_allow_list()
    assert [users.is_allowed(user) for user in ("listener1", "listener6")] == [True, False]


def test_an_unknown_user_is_named() -> None:
    with pytest.raises(ValueError, match="no user 'nobody'; there are listener1, listener2"):
        Users(1, 2).get("nobody")
    assert Users(1, 2).find("nobody") is None
