"""Tests the users of the sandbox."""

from __future__ import annotations

import pytest

from spotify_sandbox.accounts.users import Users


def test_users_depend_only_on_the_seed() -> None:
    assert Users(1, 3).everyone() == Users(1, 5).everyone()[:3]
    assert Users(2, 3).everyone() != Users(1, 3).everyone()
    assert [user.id for user in Users(1, 3).everyone()] == ["listener1", "listener2", "listener3"]


def test_an_unknown_user_is_named() -> None:
    with pytest.raises(ValueError, match="no user 'nobody'; there are listener1, listener2"):
        Users(1, 2).get("nobody")
    assert Users(1, 2).find("nobody") is None
