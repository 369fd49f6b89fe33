"""Rows of ops.user: users who have logged in, by hash, and the end of their login."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import psycopg


def record_user(
    conn: psycopg.Connection,
    user_hash: str,
    *,
    connection: str,
    scopes: Iterable[str],
    authorized_on: date,
    token_expires_on: date,
) -> None:
    """Store the newest consent of a user; an equal one writes nothing.

    A consent given after the erasure of the user's data ends the erasure.
    """
    conn.execute(
        """
        INSERT INTO ops."user" AS stored (user_hash, connection, scopes, authorized_on, token_expires_on)
        VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (user_hash) DO UPDATE SET
            connection = excluded.connection, scopes = excluded.scopes,
            authorized_on = excluded.authorized_on, token_expires_on = excluded.token_expires_on,
            erased_at = CASE WHEN excluded.authorized_on > (stored.erased_at AT TIME ZONE 'UTC')::date
                THEN NULL ELSE stored.erased_at END
        WHERE stored.authorized_on IS NULL OR excluded.authorized_on > stored.authorized_on
            OR (excluded.authorized_on = stored.authorized_on
                AND (excluded.connection, excluded.scopes)
                    IS DISTINCT FROM (stored.connection, stored.scopes))
        """,
        [user_hash, connection, " ".join(sorted(scopes)), authorized_on, token_expires_on],
    )
