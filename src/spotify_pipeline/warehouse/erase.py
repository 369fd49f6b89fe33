"""Erasure of one user's rows: from staging and ops as their owner, and from the tables that dbt built.

Tracks, albums and artists are no personal data, but which of them an account held is. A record that only the
account brought is deleted; of a record that the catalogue holds too only the account's hash is removed.

In the statements `user` is the user's hash and `from_user` the LIKE pattern of the raw keys of that account.
"""
# ruff: noqa: S608 - every name that is put into a statement comes from table_specs.py or the catalogue

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, LiteralString

import psycopg

from spotify_pipeline.warehouse.landing import TABLES as LANDING_TABLES
from spotify_pipeline.warehouse.merge import LOAD_LOCK
from spotify_pipeline.warehouse.roles import DBT_AUDIT, DBT_SCHEMAS
from spotify_pipeline.warehouse.table_specs import SPECS, TableSpec

# tracks first: they refer to albums and artists
_CATALOGUE = {kind: SPECS[kind] for kind in ("track", "album", "artist")}
# what replaces the hash in raw keys; it sorts like a hash
_ERASED = "erased"


def _keys(spec: TableSpec, condition: str) -> str:
    return f"({' OR '.join(f'{group.order[2]} {condition}' for group in spec.groups)})"


def _touched(spec: TableSpec) -> str:
    """Return the query for ids that a response of the account contained."""
    where = _keys(spec, "LIKE %(from_user)s")
    return (
        f"SELECT {spec.key} FROM {spec.table} WHERE {where}"
        f" UNION SELECT {spec.key} FROM {spec.observations} WHERE {where}"
    )


_OWN_SOURCES: LiteralString = """
SELECT DISTINCT substring(raw_key FROM '/source=([^/]+)/') FROM (
    SELECT raw_key FROM staging.saved_tracks WHERE user_hash = %(user)s
    UNION ALL SELECT raw_key FROM staging.top_tracks WHERE user_hash = %(user)s
    UNION ALL SELECT raw_key FROM staging.top_artists WHERE user_hash = %(user)s
    UNION ALL SELECT raw_key FROM staging.followed_artists WHERE user_hash = %(user)s
    UNION ALL SELECT raw_key FROM staging.plays WHERE user_hash = %(user)s
    UNION ALL SELECT raw_key FROM staging.list_reads WHERE raw_key LIKE %(from_user)s
    UNION ALL SELECT raw_key FROM ops.quarantined_record WHERE raw_key LIKE %(from_user)s
) AS keys
"""
# where no other user has logged in, every source that needs a login is of this user
_SOURCES_OF_ONLY_USER: LiteralString = """
SELECT name FROM ops.source WHERE kind = ANY(%(login_kinds)s)
    AND NOT EXISTS (SELECT FROM ops."user" WHERE user_hash <> %(user)s AND erased_at IS NULL)
"""
# a load that is running fails when it checks its lease before COMMIT
_REVOKE_LEASES: LiteralString = """
UPDATE ops.step_lease SET fence = fence + 1, holder = 'erasure', acquired_at = clock_timestamp()
WHERE source = ANY(%(sources)s) OR source LIKE '\\_listening-%%'
"""
# ids to delete, read before the first deletion: each one is a parameter of those that follow
_IDS: Mapping[str, str] = {
    "playlists": (
        "SELECT playlist_id FROM staging.playlists WHERE owner_hash = %(user)s"
        " UNION SELECT playlist_id FROM staging.playlist_observations WHERE owner_hash = %(user)s"
        " UNION SELECT list_id FROM staging.list_reads"
        " WHERE list_kind = 'playlist' AND raw_key LIKE %(from_user)s"
        f" UNION {_touched(SPECS['playlist'])}"
    ),
    "tracks": (
        f"{_touched(SPECS['track'])}"
        " UNION SELECT track_id FROM staging.saved_tracks WHERE user_hash = %(user)s"
        " UNION SELECT track_id FROM staging.top_tracks WHERE user_hash = %(user)s"
        " UNION SELECT track_id FROM staging.plays WHERE user_hash = %(user)s"
        " UNION SELECT track_id FROM staging.playlist_membership"
        " WHERE track_id IS NOT NULL AND playlist_id = ANY(%(playlists)s)"
        " UNION SELECT record_id FROM staging.source_records"
        " WHERE record_kind = 'track' AND source = ANY(%(sources)s)"
    ),
    "albums": (
        f"{_touched(SPECS['album'])}"
        " UNION SELECT album_id FROM staging.tracks"
        " WHERE album_id IS NOT NULL AND track_id = ANY(%(tracks)s)"
    ),
    "artists": (
        f"{_touched(SPECS['artist'])}"
        " UNION SELECT artist_id FROM staging.top_artists WHERE user_hash = %(user)s"
        " UNION SELECT artist_id FROM staging.followed_artists WHERE user_hash = %(user)s"
        " UNION SELECT unnest(artist_ids) FROM staging.tracks"
        " WHERE track_id = ANY(%(tracks)s)"
        " UNION SELECT unnest(artist_ids) FROM staging.albums"
        " WHERE album_id = ANY(%(albums)s)"
    ),
}
_DELETE_LISTS: Mapping[str, LiteralString] = {
    "staging.plays": "DELETE FROM staging.plays WHERE user_hash = %(user)s",
    "staging.saved_tracks": "DELETE FROM staging.saved_tracks WHERE user_hash = %(user)s",
    "staging.top_tracks": "DELETE FROM staging.top_tracks WHERE user_hash = %(user)s",
    "staging.top_artists": "DELETE FROM staging.top_artists WHERE user_hash = %(user)s",
    "staging.followed_artists": "DELETE FROM staging.followed_artists WHERE user_hash = %(user)s",
    "staging.playlist_membership": (
        "DELETE FROM staging.playlist_membership WHERE playlist_id = ANY(%(playlists)s)"
    ),
    "staging.list_reads": (
        "DELETE FROM staging.list_reads WHERE raw_key LIKE %(from_user)s"
        " OR split_part(list_id, ':', 1) = %(user)s"
        " OR (list_kind = 'playlist' AND list_id = ANY(%(playlists)s))"
    ),
    "staging.playlist_observations": (
        "DELETE FROM staging.playlist_observations WHERE playlist_id = ANY(%(playlists)s)"
    ),
    "staging.playlists": ("DELETE FROM staging.playlists WHERE playlist_id = ANY(%(playlists)s)"),
    "staging.source_records": "DELETE FROM staging.source_records WHERE source = ANY(%(sources)s)",
}
# records of the account that nothing else refers to; tracks first, since they refer to albums and artists
_UNREFERENCED: Mapping[str, LiteralString] = {
    "track": """
        SELECT id FROM unnest(%(tracks)s::text[]) AS id WHERE NOT EXISTS (
                SELECT FROM staging.source_records WHERE record_kind = 'track' AND record_id = id)
            AND NOT EXISTS (SELECT FROM staging.playlist_membership WHERE track_id = id)
            AND NOT EXISTS (SELECT FROM staging.saved_tracks WHERE track_id = id)
            AND NOT EXISTS (SELECT FROM staging.top_tracks WHERE track_id = id)
            AND NOT EXISTS (SELECT FROM staging.plays WHERE track_id = id)
    """,
    "album": """
        SELECT id FROM unnest(%(albums)s::text[]) AS id WHERE NOT EXISTS (
                SELECT FROM staging.source_records WHERE record_kind = 'album' AND record_id = id)
            AND NOT EXISTS (SELECT FROM staging.tracks WHERE album_id = id)
    """,
    "artist": """
        SELECT id FROM unnest(%(artists)s::text[]) AS id WHERE NOT EXISTS (
                SELECT FROM staging.source_records WHERE record_kind = 'artist' AND record_id = id)
            AND NOT EXISTS (SELECT FROM staging.tracks WHERE artist_ids @> ARRAY[id])
            AND NOT EXISTS (SELECT FROM staging.albums WHERE artist_ids @> ARRAY[id])
            AND NOT EXISTS (SELECT FROM staging.top_artists WHERE artist_id = id)
            AND NOT EXISTS (SELECT FROM staging.followed_artists WHERE artist_id = id)
    """,
}
_DELETE_CRAWL_STATE: Mapping[str, LiteralString] = {
    "ops.detail_queue": "DELETE FROM ops.detail_queue WHERE record_id = ANY(%(gone)s)",
    "ops.crawl_state": "DELETE FROM ops.crawl_state WHERE source = ANY(%(sources)s)",
    "ops.crawl_begun": "DELETE FROM ops.crawl_begun WHERE source = ANY(%(sources)s)",
}
# how much an account listened to on a day is personal data too
_DELETE_COUNTS: Mapping[str, LiteralString] = {
    "ops.reconciliation": "DELETE FROM ops.reconciliation WHERE source = ANY(%(sources)s)",
    "ops.load": "DELETE FROM ops.load WHERE source = ANY(%(sources)s)",
    "ops.record_shape": "DELETE FROM ops.record_shape WHERE source = ANY(%(sources)s)",
    # an alert may say how many records of a source are bad
    "ops.alert": """
        DELETE FROM ops.alert AS alert WHERE EXISTS (
            SELECT FROM unnest(%(sources)s::text[]) AS source WHERE position(source IN alert::text) > 0
        )
    """,
}
# the counts of other sources stay; their message may name an object of the account
_HIDE_HASH_IN_MESSAGES: LiteralString = """
UPDATE ops.reconciliation SET message = replace(message, %(user)s, 'erased')
WHERE message LIKE '%%' || %(user)s || '%%'
"""
# which rows went is not kept: a model of dbt then compares its rows with staging once
_RECORD_REMOVAL: LiteralString = """
INSERT INTO ops.removal (load_seq, removed_at) VALUES (nextval('ops.load_seq_seq'), clock_timestamp())
"""
# tables of which every row that contains the hash is deleted
_NAMING = (
    "ops.alert",
    "ops.dbt_result",
    "ops.play_cursor",
    "ops.play_gap",
    "ops.quarantined_record",
    "ops.step_lease",
    "ops.user",
)
_RECORDS = "records that only the account brought; the raw keys of others no longer name it"
TABLES: Mapping[str, str] = {
    **dict.fromkeys(_DELETE_LISTS, "rows of the account, of its playlists and of its sources"),
    **{table: _RECORDS for spec in _CATALOGUE.values() for table in (spec.table, spec.observations)},
    **dict.fromkeys(_NAMING, "rows that contain the hash"),
    **dict.fromkeys(_DELETE_CRAWL_STATE, "rows of the account's sources and of deleted records"),
    **dict.fromkeys(_DELETE_COUNTS, "rows of the account's sources"),
    **dict.fromkeys(("landing.batch", *LANDING_TABLES), "rows of a replay that lost its lease"),
    "ops.source": "nothing: names of sources.yml, and when they were listed",
    "ops.api_pace": "nothing: calls of the app",
    "ops.api_calls": "nothing: calls of the app",
    "ops.api_cooldown": "nothing: closed endpoints of the app",
    "ops.publication": "nothing: dates",
    "ops.removal": "nothing: dates",
    "ops.maintenance_run": "nothing: counts over all accounts",
    "ops.erasure": "nothing: the receipts",
}
"""What an erasure deletes from each table of the pipeline; for those that dbt builds see `erase_marts`."""
_SINCE: LiteralString = """
SELECT min(day) FROM (
    SELECT first_planned_on AS day FROM ops.source WHERE name = ANY(%(sources)s)
    UNION ALL SELECT min(partition) FROM ops.load WHERE source = ANY(%(sources)s)
    UNION ALL SELECT min(first_seen_on) FROM staging.saved_tracks WHERE user_hash = %(user)s
    UNION ALL SELECT min(first_seen_on) FROM staging.plays WHERE user_hash = %(user)s
    UNION ALL SELECT min(first_seen_on) FROM staging.followed_artists WHERE user_hash = %(user)s
    UNION ALL SELECT min(observed_on) FROM staging.top_tracks WHERE user_hash = %(user)s
    UNION ALL SELECT min(observed_on) FROM staging.top_artists WHERE user_hash = %(user)s
    UNION ALL SELECT min(first_seen_on) FROM staging.playlists WHERE owner_hash = %(user)s
) AS days
"""
_MART_COLUMNS: LiteralString = """
SELECT format('%%I.%%I', n.nspname, c.relname), array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = ANY(%(schemas)s) AND c.relkind IN ('r', 'p') AND pg_get_userbyid(c.relowner) = current_user
GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class ErasedIds:
    """Ids of the records that were deleted, by kind, and the sources that read the account."""

    playlists: list[str]
    tracks: list[str]
    albums: list[str]
    artists: list[str]
    sources: list[str]

    def of_column(self, column: str) -> list[str]:
        """Return the ids that must not be left in a column of a mart."""
        if column == "source":
            return self.sources
        if column == "record_id":
            return [*self.playlists, *self.tracks, *self.albums, *self.artists]
        for kind in ("playlist", "track", "album", "artist"):
            if column.endswith(f"{kind}_id"):
                return list(getattr(self, f"{kind}s"))
        return []


def account_since(conn: psycopg.Connection, user_hash: str, sources: Collection[str]) -> date | None:
    """Return the first date on which the warehouse holds something of an account, None where it is unknown.

    Args:
        conn: connection of the owner.
        user_hash: the user.
        sources: sources whose objects came from the account.
    """
    row = conn.execute(_SINCE, {"user": user_hash, "sources": list(sources)}).fetchone()
    found: date | None = row[0] if row else None
    return found


def erase_rows(
    conn: psycopg.Connection, user_hash: str, sources: Collection[str], *, login_kinds: Collection[str]
) -> tuple[Counter[str], ErasedIds]:
    """Delete a user's rows from staging and ops in the transaction of `conn`; no load commits meanwhile.

    Args:
        conn: connection of the owner.
        user_hash: the user.
        sources: sources whose objects came from the account; those that staging names are added.
        login_kinds: kinds of source that need a login.

    Returns:
        Deleted rows by table, and the ids for `erase_marts`.
    """
    removed: Counter[str] = Counter()
    terms: dict[str, Any] = {
        "user": user_hash,
        "from_user": f"%/user={user_hash}/%",
        "login_kinds": list(login_kinds),
    }
    conn.execute("SELECT pg_advisory_xact_lock(%s)", [LOAD_LOCK])
    found = {
        source
        for statement in (_OWN_SOURCES, _SOURCES_OF_ONLY_USER)
        for source in _column(conn, statement, terms)
    }
    terms["sources"] = sorted(found | set(sources))
    conn.execute(_REVOKE_LEASES, terms)
    for name, statement in _IDS.items():
        terms[name] = _column(conn, statement, terms)
    for table, delete in _DELETE_LISTS.items():
        removed[table] += conn.execute(delete, terms).rowcount
    gone = {}
    for kind, spec in _CATALOGUE.items():
        gone[kind] = _column(conn, _UNREFERENCED[kind], terms)
        for table, statement in _delete_records(spec).items():
            removed[table] += conn.execute(statement.encode(), {"ids": gone[kind]}).rowcount
        for statement in _remove_hash(spec):
            conn.execute(statement.encode(), terms)
    for table, delete in _DELETE_CRAWL_STATE.items():
        parameters = {"sources": terms["sources"], "gone": gone["track"]}
        removed[table] += conn.execute(delete, parameters).rowcount
    for table, delete in _DELETE_COUNTS.items():
        removed[table] += conn.execute(delete, terms).rowcount
    conn.execute(_HIDE_HASH_IN_MESSAGES, terms)
    conn.execute(_RECORD_REMOVAL)
    for table in _NAMING:
        schema, _, name = table.partition(".")
        statement = f'DELETE FROM {schema}."{name}" AS t WHERE t::text LIKE %s'
        removed[table] += conn.execute(statement.encode(), [f"%{user_hash}%"]).rowcount
    return removed, ErasedIds(
        terms["playlists"], gone["track"], gone["album"], gone["artist"], terms["sources"]
    )


def erase_marts(conn: psycopg.Connection, user_hash: str, ids: ErasedIds) -> Counter[str]:
    """Delete the rows that name the user or a deleted record from every table that dbt built.

    The stored failures of tests are all deleted: their columns are named after the test, not after what they
    hold, and the next run of the tests writes them again.

    Args:
        conn: connection of dbt's role, the owner of those tables.
        user_hash: the user.
        ids: what `erase_rows` deleted.

    Returns:
        Deleted rows by table.
    """
    removed: Counter[str] = Counter()
    for table, columns in conn.execute(_MART_COLUMNS, {"schemas": list(DBT_SCHEMAS)}).fetchall():
        if table.startswith(f"{DBT_AUDIT}."):
            removed[table] += conn.execute(f"DELETE FROM {table}".encode()).rowcount
            continue
        conditions = ["t::text LIKE %s"]
        parameters: list[Any] = [f"%{user_hash}%"]
        for column in columns:
            deleted = ids.of_column(column)
            if deleted:
                conditions.append(f'"{column}"::text = ANY(%s)')
                parameters.append(deleted)
        statement = f"DELETE FROM {table} AS t WHERE {' OR '.join(conditions)}"
        removed[table] += conn.execute(statement.encode(), parameters).rowcount
    return removed


def _delete_records(spec: TableSpec) -> dict[str, str]:
    """Return the statements that delete catalogue records by id, by table; parameter `ids`."""
    return {
        table: f"DELETE FROM {table} WHERE {spec.key} = ANY(%(ids)s)"
        for table in (spec.observations, spec.table)
    }


def _remove_hash(spec: TableSpec) -> list[str]:
    """Return the statements that remove the hash from the raw keys of records that stay."""
    columns = ", ".join(
        f"{key} = replace({key}, '/user=' || %(user)s || '/', '/user={_ERASED}/')"
        for key in (group.order[2] for group in spec.groups)
    )
    where = _keys(spec, "LIKE %(from_user)s")
    return [f"UPDATE {table} SET {columns} WHERE {where}" for table in (spec.table, spec.observations)]


def _column(conn: psycopg.Connection, statement: str, terms: dict[str, Any] | None = None) -> list[str]:
    return [row[0] for row in conn.execute(statement.encode(), terms)]
