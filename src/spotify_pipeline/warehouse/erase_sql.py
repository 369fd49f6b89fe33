"""The SQL of an erasure. `user` is a user's hash, `from_user` the LIKE pattern of raw keys of that account.

Catalogue records (tracks, albums, artists) are no personal data, but which of them an account held is. One
that only the account brought goes; of one that the catalogue holds too only the trace of the account goes.
"""
# ruff: noqa: S608 - every name that is put into a statement comes from table_specs.py

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString

from spotify_pipeline.warehouse.table_specs import SPECS, TableSpec

CATALOGUE = {kind: spec for kind, spec in SPECS.items() if kind != "playlist"}
ERASED = "erased"
"""What stands in raw keys where the hash stood; it sorts as a hash would."""


def _keys(spec: TableSpec, condition: str) -> str:
    return f"({' OR '.join(f'{group.order[2]} {condition}' for group in spec.groups)})"


def _touched(spec: TableSpec) -> str:
    """Ids that an answer of the account said something of."""
    where = _keys(spec, "LIKE %(from_user)s")
    return (
        f"SELECT {spec.key} FROM {spec.table} WHERE {where}"
        f" UNION SELECT {spec.key} FROM {spec.observations} WHERE {where}"
    )


OWN_SOURCES: LiteralString = """
SELECT DISTINCT substring(raw_key FROM '/source=([^/]+)/') FROM (
    SELECT raw_key FROM staging.saved_tracks WHERE user_hash = %(user)s
    UNION ALL SELECT raw_key FROM staging.top_tracks WHERE user_hash = %(user)s
    UNION ALL SELECT raw_key FROM staging.plays WHERE user_hash = %(user)s
    UNION ALL SELECT raw_key FROM staging.list_reads WHERE raw_key LIKE %(from_user)s
    UNION ALL SELECT raw_key FROM ops.quarantined_record WHERE raw_key LIKE %(from_user)s
) AS keys
"""
# where nobody else has logged in, all that needs a login is this user's
ONLY_USERS_SOURCES: LiteralString = """
SELECT name FROM ops.source WHERE kind = ANY(%(login_kinds)s)
    AND NOT EXISTS (SELECT FROM ops."user" WHERE user_hash <> %(user)s AND erased_at IS NULL)
"""
# a load that is under way is turned away at its COMMIT
FENCE_OFF: LiteralString = """
UPDATE ops.step_lease SET fence = fence + 1, holder = 'erasure', acquired_at = clock_timestamp()
WHERE source = ANY(%(sources)s) OR source LIKE '\\_listening-%%'
"""
# what is to go, found before the first deletion: each of these is the parameter of those that follow
FIND: Mapping[str, str] = {
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
        " UNION SELECT unnest(artist_ids) FROM staging.tracks"
        " WHERE track_id = ANY(%(tracks)s)"
        " UNION SELECT unnest(artist_ids) FROM staging.albums"
        " WHERE album_id = ANY(%(albums)s)"
    ),
}
DELETE_LISTS: Mapping[str, LiteralString] = {
    "staging.plays": "DELETE FROM staging.plays WHERE user_hash = %(user)s",
    "staging.saved_tracks": "DELETE FROM staging.saved_tracks WHERE user_hash = %(user)s",
    "staging.top_tracks": "DELETE FROM staging.top_tracks WHERE user_hash = %(user)s",
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
# of what the account brought, all that nothing else holds; tracks first, albums and artists hang on them
ORPHANS: Mapping[str, LiteralString] = {
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
    """,
}
CRAWL: Mapping[str, LiteralString] = {
    "ops.detail_queue": "DELETE FROM ops.detail_queue WHERE record_id = ANY(%(gone)s)",
    "ops.crawl_state": "DELETE FROM ops.crawl_state WHERE source = ANY(%(sources)s)",
    "ops.crawl_begun": "DELETE FROM ops.crawl_begun WHERE source = ANY(%(sources)s)",
}
# counts stay, the words beside them may name an object of the account
WORDS: LiteralString = """
UPDATE ops.reconciliation SET message = replace(message, %(user)s, 'erased')
WHERE message LIKE '%%' || %(user)s || '%%'
"""
OTHER_TABLES_OF_OPS: LiteralString = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
WHERE schemaname = 'ops' AND tablename NOT IN ('erasure', 'reconciliation', 'alembic_version') ORDER BY 1
"""
MART_COLUMNS: LiteralString = """
SELECT format('%%I.%%I', n.nspname, c.relname), array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = ANY(%(schemas)s) AND c.relkind IN ('r', 'p') AND pg_get_userbyid(c.relowner) = current_user
GROUP BY 1 ORDER BY 1
"""


def delete_records(spec: TableSpec) -> dict[str, str]:
    """Statements that remove catalogue records by id, by table; parameter `ids`."""
    return {
        table: f"DELETE FROM {table} WHERE {spec.key} = ANY(%(ids)s)"
        for table in (spec.observations, spec.table)
    }


def take_out_hash(spec: TableSpec) -> list[str]:
    """Statements that take the hash out of the raw keys of records that stay."""
    columns = ", ".join(
        f"{key} = replace({key}, '/user=' || %(user)s || '/', '/user={ERASED}/')"
        for key in (group.order[2] for group in spec.groups)
    )
    where = _keys(spec, "LIKE %(from_user)s")
    return [f"UPDATE {table} SET {columns} WHERE {where}" for table in (spec.table, spec.observations)]
