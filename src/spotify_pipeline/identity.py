"""The name that a Spotify user has in object keys and tables."""

from __future__ import annotations

import hashlib


def user_hash(user_id: str) -> str:
    """Hash a Spotify user id to 16 hex digits; the id itself is stored nowhere."""
    return hashlib.sha256(user_id.encode()).hexdigest()[:16]
