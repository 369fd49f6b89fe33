"""The account key of the tests."""

from __future__ import annotations

from spotify_pipeline.connections import SPOTIFY_ACCOUNT_KEY, ConnectionInfo
from spotify_pipeline.spotify.account_ids import AccountKey

ACCOUNT_KEY = AccountKey("account key of the tests, of 32 characters")
KEY_CONNECTION = ConnectionInfo(SPOTIFY_ACCOUNT_KEY, password=ACCOUNT_KEY.secret)
user_hash = ACCOUNT_KEY.user_hash
