"""Replaces Spotify's ids of users by hashes, and removes ids and names from responses.

A hash is made with the account key, a secret of this installation. Without the key, it cannot be checked
whether a hash belongs to a known id.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from spotify_pipeline.connections import SPOTIFY_ACCOUNT_KEY, ConnectionInfo
from spotify_pipeline.errors import ConfigurationError

ERASED = "erased"
"""Replaces the hash of a user whose data was erased."""

KEY_LENGTH = 32
"""Least number of characters of an account key."""

_USER_FIELDS = frozenset({"owner", "added_by"})
# an id in a URI or in the address of a page or endpoint
_REFERENCE = re.compile(r"(spotify:user:|open\.spotify\.com/user/|/v1/users/)([^/:?#\"'<>&\s]+)")


@dataclass(frozen=True)
class AccountKey:
    """The secret that hashes of users are made with; its repr does not show it.

    Attributes:
        secret: The key that hashes are made with.
        former: Keys that were in use before; with them erased users are still recognised.
    """

    secret: str = field(repr=False)
    former: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def new(cls) -> AccountKey:
        """Make a random key."""
        return cls(secrets.token_hex(KEY_LENGTH))

    @classmethod
    def from_connection(cls, connection: ConnectionInfo) -> AccountKey:
        """Read connection `spotify_account_key`: password is the key, extra `former_keys` the earlier ones.

        Raises:
            ConfigurationError: The key is absent or shorter than `KEY_LENGTH`.
        """
        found = cls(
            connection.require("password"), tuple(str(connection.extra.get("former_keys") or "").split())
        )
        if min(map(len, (found.secret, *found.former))) < KEY_LENGTH:
            raise ConfigurationError(
                f"a key of connection '{connection.conn_id}' is shorter than {KEY_LENGTH} characters: make "
                "one with 'spotify-pipeline auth key'"
            )
        return found

    def to_connection(self) -> str:
        """Return connection `spotify_account_key` as JSON for Airflow."""
        fields: dict[str, Any] = {"conn_type": "generic", "password": self.secret}
        if self.former:
            fields["extra"] = {"former_keys": " ".join(self.former)}
        return json.dumps(fields)

    @property
    def key_id(self) -> str:
        """Eight hexadecimal digits that identify the key without revealing it."""
        return _hmac(self.secret, "the account key")[:8]

    def user_hash(self, user_id: str) -> str:
        """Return the hash of a user, 16 hexadecimal digits."""
        return _hmac(self.secret, user_id)[:16]

    def user_hashes(self, user_id: str) -> list[str]:
        """Return the user's hash, and those that former keys give."""
        return [_hmac(secret, user_id)[:16] for secret in (self.secret, *self.former)]

    def require_same(self, key_id: str) -> None:
        """Check that a login was made with this key.

        Raises:
            ConfigurationError: It was made with another one.
        """
        if key_id != self.key_id:
            raise ConfigurationError(
                f"the login was made with account key {key_id or 'unknown'}, and connection "
                f"'{SPOTIFY_ACCOUNT_KEY}' has key {self.key_id}: log in again with this key, or put the "
                "other one back"
            )


def _hmac(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class AccountIds:
    """Replaces ids and names of users in responses.

    Attributes:
        key: The account key.
        erased: Hashes of users whose data was erased.
    """

    key: AccountKey
    erased: Collection[str] = ()

    def name(self, user_id: str) -> str:
        """Return the replacement of a user's id: the hash, or `ERASED`."""
        hashes = self.key.user_hashes(user_id)
        return hashes[0] if not set(hashes) & set(self.erased) else ERASED

    def is_erased_owner(self, record: Any) -> bool:
        """Return whether a playlist, as Spotify sent it, belongs to a user whose data was erased."""
        owner = record.get("owner") if isinstance(record, Mapping) else None
        user_id = owner.get("id") if isinstance(owner, Mapping) else None
        return isinstance(user_id, str) and self.name(user_id) == ERASED

    def removed_from(self, body: bytes) -> bytes:
        """Return a response without ids and names of users.

        Each user becomes `{"id": HASH, "type": "user"}`, and an id in a URI or address is replaced by the
        hash. A response that names no user is returned byte for byte. One that cannot be parsed could name
        any user: it is returned as `null`, which breaks the contract.
        """
        try:
            document = json.loads(body)
            without = self._without(document)
        except (ValueError, RecursionError):
            return b"null"
        return body if without == document else json.dumps(without, separators=(",", ":")).encode()

    def _without(self, value: Any) -> Any:
        if isinstance(value, str):
            return _REFERENCE.sub(lambda found: found[1] + self.name(unquote(found[2])), value)
        if isinstance(value, list):
            return [self._without(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        if value.get("type") == "user":
            return self._user(value)
        return {
            name: self._user(inner)
            if name in _USER_FIELDS and isinstance(inner, dict)
            else self._without(inner)
            for name, inner in value.items()
        }

    def _user(self, user: Mapping[str, Any]) -> dict[str, Any]:
        user_id = user.get("id")
        known = isinstance(user_id, str) and user_id
        return {"id": self.name(str(user_id)) if known else None, "type": "user"}
