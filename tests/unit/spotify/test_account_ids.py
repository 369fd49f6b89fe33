"""Tests that ids of users are replaced in every response by hashes, which need the account key."""

from __future__ import annotations

import json

import pytest

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.spotify.account_ids import ERASED, AccountIds, AccountKey
from tests.accounts import ACCOUNT_KEY, KEY_CONNECTION

HASH = ACCOUNT_KEY.user_hash("listener1")
IDS = AccountIds(ACCOUNT_KEY)
USER = {
    "external_urls": {"spotify": "https://open.spotify.com/user/listener1"},
    "href": "https://api.spotify.com/v1/users/listener1",
    "id": "listener1",
    "display_name": "Lis Tener",
    "uri": "spotify:user:listener1",
}


def test_a_hash_needs_the_key_and_the_key_is_not_printed() -> None:
    assert AccountKey.from_connection(KEY_CONNECTION) == ACCOUNT_KEY
    assert len(HASH) == 16
    assert AccountKey.new().user_hash("listener1") != HASH
    assert ACCOUNT_KEY.user_hash("listener2") != HASH
    assert ACCOUNT_KEY.secret not in repr(ACCOUNT_KEY)


def test_a_key_that_is_short_or_absent_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="shorter than 32"):
        AccountKey.from_connection(ConnectionInfo("spotify_account_key", password="short"))
    with pytest.raises(ConfigurationError, match="has no password"):
        AccountKey.from_connection(ConnectionInfo("spotify_account_key"))


def test_a_login_of_another_key_is_refused() -> None:
    ACCOUNT_KEY.require_same(ACCOUNT_KEY.key_id)
    with pytest.raises(ConfigurationError, match="log in again with this key"):
        ACCOUNT_KEY.require_same(AccountKey.new().key_id)


@pytest.mark.parametrize(
    "body",
    [
        {"owner": USER, "name": "mine"},
        {"items": [{"added_by": USER}, {"added_by": USER | {"type": "user"}}, {"added_by": None}]},
        {"items": [{"context": {"type": "collection", "uri": "spotify:user:listener1:collection"}}]},
        {"next": "https://api.spotify.com/v1/users/listener1/playlists?offset=2"},
        {"description": "of <a href='https://open.spotify.com/user/listener1?si=x'>me</a>"},
    ],
)
def test_no_id_and_no_name_of_a_user_is_left(body: dict[str, object]) -> None:
    left = IDS.removed_from(json.dumps(body).encode()).decode()
    assert "listener1" not in left
    assert "Lis Tener" not in left
    assert HASH in left


def test_only_users_are_replaced() -> None:
    body = json.dumps({"id": "p", "owner": USER, "public": None, "n": 1.50}).encode()
    assert json.loads(IDS.removed_from(body)) == {
        "id": "p",
        "owner": {"id": HASH, "type": "user"},
        "public": None,
        "n": 1.5,
    }
    percent = json.dumps({"uri": "spotify:user:caf%C3%A9"}).encode()
    assert ACCOUNT_KEY.user_hash("café") in IDS.removed_from(percent).decode()


def test_a_response_without_users_is_kept_byte_for_byte() -> None:
    body = b' {"items": [ {"track": {"name": "user listener1", "popularity": 1.0} } ],"href":"https://x/v1/me/tracks"}\n'
    assert IDS.removed_from(body) == body


def test_flaws_are_kept_and_an_unreadable_body_is_dropped() -> None:
    body = b'{"owner": {"id": "listener1"}, "n": NaN, "s": "\\ud800"}'
    assert (
        IDS.removed_from(body)
        == b'{"owner":{"id":"' + HASH.encode() + b'","type":"user"},"n":NaN,"s":"\\ud800"}'
    )
    assert IDS.removed_from(b'{"owner": {"id": "listener1"') == b"null"


def test_an_erased_user_has_no_hash_under_any_key() -> None:
    newer = AccountKey("n" * 32, former=(ACCOUNT_KEY.secret,))
    for key in (ACCOUNT_KEY, newer):
        ids = AccountIds(key, erased=[HASH])
        assert ids.is_erased_owner({"owner": USER})
        assert not ids.is_erased_owner({"owner": USER | {"id": "listener2"}})
        left = ids.removed_from(json.dumps({"added_by": USER}).encode())
        assert json.loads(left) == {"added_by": {"id": ERASED, "type": "user"}}
    assert not IDS.is_erased_owner({"owner": None})
