"""Tests the sandbox's authorization codes and refresh tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spotify_sandbox.accounts.authorizations import (
    Authorizations,
    CodeRequest,
    GrantError,
    Rotation,
    challenge_of,
    months_after,
)
from spotify_sandbox.clock import SandboxClock

START = datetime(2026, 8, 31, 12, tzinfo=UTC)
REDIRECT = "http://127.0.0.1:5000/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


@pytest.fixture
def clock() -> SandboxClock:
    return SandboxClock(START, frozen=True)


def code(known: Authorizations, challenge: str | None = None) -> str:
    request = CodeRequest("app", REDIRECT, frozenset({"user-top-read"}), challenge)
    return known.code(request, "listener1")


def test_the_challenge_is_that_of_the_standard() -> None:
    # RFC 7636, appendix B
    assert challenge_of(VERIFIER) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ((2026, 1, 15), (2026, 7, 15)),
        ((2026, 8, 31), (2027, 2, 28)),
        ((2027, 8, 31), (2028, 2, 29)),
        ((2026, 7, 1), (2027, 1, 1)),
    ],
)
def test_six_months_later(moment: tuple[int, int, int], expected: tuple[int, int, int]) -> None:
    assert months_after(datetime(*moment, tzinfo=UTC), 6) == datetime(*expected, tzinfo=UTC)


def test_a_code_is_valid_once_for_app_address_and_verifier(clock: SandboxClock) -> None:
    known = Authorizations(clock)
    wrong = {
        "Invalid authorization code": ("other-app", REDIRECT, VERIFIER),
        "Invalid redirect URI": ("app", "http://127.0.0.1:5001/callback", VERIFIER),
        "code_verifier was incorrect": ("app", REDIRECT, "another"),
    }
    for message, arguments in wrong.items():
        with pytest.raises(GrantError, match=message):
            known.exchange(code(known, challenge_of(VERIFIER)), *arguments)
    with pytest.raises(GrantError, match="code_verifier was incorrect"):
        known.exchange(code(known, challenge_of(VERIFIER)), "app", REDIRECT, None)
    good = code(known, challenge_of(VERIFIER))
    made = known.exchange(good, "app", REDIRECT, VERIFIER)
    assert (made.user_id, made.scopes, made.with_pkce) == ("listener1", frozenset({"user-top-read"}), True)
    with pytest.raises(GrantError, match="Invalid authorization code"):
        known.exchange(good, "app", REDIRECT, VERIFIER)


def test_a_code_is_valid_for_ten_minutes(clock: SandboxClock) -> None:
    known = Authorizations(clock)
    early, late = code(known), code(known)
    clock.set(START + timedelta(minutes=10) - timedelta(seconds=1))
    assert not known.exchange(early, "app", REDIRECT, None).with_pkce
    clock.set(START + timedelta(minutes=10))
    with pytest.raises(GrantError, match="Authorization code expired"):
        known.exchange(late, "app", REDIRECT, None)


@pytest.mark.parametrize(
    ("rotation", "expected"),
    [
        (Rotation.NEVER, [False, False, False, False]),
        (Rotation.SOMETIMES, [False, True, False, True]),
        (Rotation.ALWAYS, [True, True, True, True]),
    ],
)
def test_rotation(clock: SandboxClock, rotation: Rotation, expected: list[bool]) -> None:
    known = Authorizations(clock, rotation)
    token = known.grant("app", "listener1", frozenset()).refresh_token
    rotated = []
    for _ in expected:
        new = known.refreshed(known.find(token))
        rotated.append(new is not None)
        if new is not None:
            with pytest.raises(GrantError, match="Refresh token revoked"):
                known.find(token)
        token = new or token
    assert rotated == expected
    assert known.find(token).refreshes == len(expected)


def test_a_login_can_be_set_back_to_its_first_token(clock: SandboxClock) -> None:
    known = Authorizations(clock, Rotation.ALWAYS)
    other = known.grant("app", "listener2", frozenset())
    for _ in range(2):
        known.grant("app", "listener1", frozenset(), refresh_token="first")
        new = known.refreshed(known.find("first"))
        assert new is not None
        with pytest.raises(GrantError, match="Refresh token revoked"):
            known.find("first")
    assert [one.user_id for one in known.everyone()] == ["listener2", "listener1"]
    assert known.find(other.refresh_token) is other


def test_a_fixed_refresh_token_never_rotates_or_expires(clock: SandboxClock) -> None:
    known = Authorizations(clock, Rotation.ALWAYS)
    known.grant("app", "listener1", frozenset(), refresh_token="fixed", keeps_token=True)
    clock.set(datetime(2031, 1, 1, tzinfo=UTC))
    assert known.refreshed(known.find("fixed")) is None
    assert known.find("fixed").user_id == "listener1"


def test_a_refresh_token_expires_six_months_after_the_consent(clock: SandboxClock) -> None:
    known = Authorizations(clock, Rotation.ALWAYS)
    token = known.grant("app", "listener1", frozenset()).refresh_token
    clock.set(datetime(2027, 2, 28, 11, 59, 59, tzinfo=UTC))
    token = known.refreshed(known.find(token)) or token
    clock.set(datetime(2027, 2, 28, 12, tzinfo=UTC))
    with pytest.raises(GrantError, match="Refresh token expired"):
        known.find(token)


def test_a_user_can_end_the_authorization(clock: SandboxClock) -> None:
    known = Authorizations(clock)
    mine, other = (known.grant("app", user, frozenset()) for user in ("listener1", "listener2"))
    assert known.revoke("listener1") == 1
    assert known.revoke("listener1") == 0
    with pytest.raises(GrantError, match="Refresh token revoked"):
        known.find(mine.refresh_token)
    assert known.find(other.refresh_token) is other
    with pytest.raises(GrantError, match="Invalid refresh token"):
        known.find("invented")
    known.clear()
    assert known.everyone() == []
