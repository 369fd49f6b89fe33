"""Statements that erase one user, and the effect on each table.

In the statements `user` is the user's hash and `from_user` the LIKE pattern of the raw keys of that account.
"""
# ruff: noqa: S608 - every name that is put into a statement comes from table_specs.py

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString

from spotify_pipeline.warehouse.landing import TABLES as LANDING_TABLES
from spotify_pipeline.warehouse.table_specs import SPECS, TableSpec

# tracks first: they refer to albums and artists
CATALOGUE = {kind: SPECS[kind] for kind in ("track", "album", "artist")}
# replaces the hash in raw keys; it sorts like a hash
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


OWN_SOURCES: LiteralString = """
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
# if no other user has logged in, all sources that need a login belong to this user
SOURCES_OF_ONLY_USER: LiteralString = """
SELECT name FROM ops.source WHERE kind = ANY(%(login_kinds)s)
    AND NOT EXISTS (SELECT FROM ops."user" WHERE user_hash <> %(user)s AND erased_at IS NULL)
"""
# a load that is running fails when it checks its lease before COMMIT
REVOKE_LEASES: LiteralString = """
UPDATE ops.step_lease SET fence = fence + 1, holder = 'erasure', acquired_at = clock_timestamp()
WHERE source = ANY(%(sources)s) OR source LIKE '\\_listening-%%'
"""
# ids to delete, read before the first deletion: each one is a parameter of those that follow. A playlist of
# somebody else that another source reads, too, stays
IDS_TO_DELETE: Mapping[str, str] = {
    "playlists": (
        "SELECT playlist_id FROM staging.playlists WHERE owner_hash = %(user)s"
        " UNION SELECT playlist_id FROM staging.playlist_observations WHERE owner_hash = %(user)s"
        " UNION SELECT playlist_id FROM ("
        "SELECT list_id AS playlist_id FROM staging.list_reads"
        " WHERE list_kind = 'playlist' AND raw_key LIKE %(from_user)s"
        f" UNION {_touched(SPECS['playlist'])}) AS read_by_user"
        " WHERE NOT EXISTS (SELECT FROM staging.source_records"
        " WHERE record_kind = 'playlist' AND record_id = playlist_id AND source <> ALL(%(sources)s))"
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
DELETE_LISTS: Mapping[str, LiteralString] = {
    "staging.plays": "DELETE FROM staging.plays WHERE user_hash = %(user)s",
    "staging.saved_tracks": "DELETE FROM staging.saved_tracks WHERE user_hash = %(user)s",
    "staging.top_tracks": "DELETE FROM staging.top_tracks WHERE user_hash = %(user)s",
    "staging.top_artists": "DELETE FROM staging.top_artists WHERE user_hash = %(user)s",
    "staging.followed_artists": "DELETE FROM staging.followed_artists WHERE user_hash = %(user)s",
    "staging.playlist_membership": (
        "DELETE FROM staging.playlist_membership WHERE playlist_id = ANY(%(playlists)s)"
    ),
    "staging.list_reads": (
        "DELETE FROM staging.list_reads WHERE split_part(list_id, ':', 1) = %(user)s"
        " OR (list_kind = 'playlist' AND list_id = ANY(%(playlists)s))"
    ),
    "staging.playlist_observations": (
        "DELETE FROM staging.playlist_observations WHERE playlist_id = ANY(%(playlists)s)"
    ),
    "staging.playlists": ("DELETE FROM staging.playlists WHERE playlist_id = ANY(%(playlists)s)"),
    "staging.source_records": "DELETE FROM staging.source_records WHERE source = ANY(%(sources)s)",
}
# records of the account that nothing else refers to; tracks first, since they refer to albums and artists
UNREFERENCED: Mapping[str, LiteralString] = {
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
DELETE_CRAWL_STATE: Mapping[str, LiteralString] = {
    "ops.detail_queue": "DELETE FROM ops.detail_queue WHERE record_id = ANY(%(gone)s)",
    "ops.crawl_state": "DELETE FROM ops.crawl_state WHERE source = ANY(%(sources)s)",
    "ops.crawl_begun": "DELETE FROM ops.crawl_begun WHERE source = ANY(%(sources)s)",
}
# the number of plays of an account on a day is personal data too
DELETE_COUNTS: Mapping[str, LiteralString] = {
    "ops.reconciliation": "DELETE FROM ops.reconciliation WHERE source = ANY(%(sources)s)",
    "ops.load": "DELETE FROM ops.load WHERE source = ANY(%(sources)s)",
    "ops.record_shape": "DELETE FROM ops.record_shape WHERE source = ANY(%(sources)s)",
    # an alert can contain the number of bad records of a source
    "ops.alert": """
        DELETE FROM ops.alert AS alert WHERE EXISTS (
            SELECT FROM unnest(%(sources)s::text[]) AS source WHERE position(source IN alert::text) > 0
        )
    """,
}
# the counts of other sources stay; their message may name an object of the account
HIDE_HASH_IN_MESSAGES: LiteralString = """
UPDATE ops.reconciliation SET message = replace(message, %(user)s, 'erased')
WHERE message LIKE '%%' || %(user)s || '%%'
"""
# the deleted ids are not kept: after this row, dbt's models compare all their rows with staging once
RECORD_REMOVAL: LiteralString = """
INSERT INTO ops.removal (load_seq, removed_at) VALUES (nextval('ops.load_seq_seq'), clock_timestamp())
"""
# tables of which every row that contains the hash is deleted
TABLES_WITH_HASH = (
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
    **dict.fromkeys(DELETE_LISTS, "rows of the account, of its playlists and of its sources"),
    **{table: _RECORDS for spec in CATALOGUE.values() for table in (spec.table, spec.observations)},
    **dict.fromkeys(TABLES_WITH_HASH, "rows that contain the hash"),
    **dict.fromkeys(DELETE_CRAWL_STATE, "rows of the account's sources and of deleted records"),
    **dict.fromkeys(DELETE_COUNTS, "rows of the account's sources"),
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
"""What an erasure deletes from each table of the pipeline; those of dbt: `erase.erase_marts`."""
ACCOUNT_SINCE: LiteralString = """
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
MART_COLUMNS: LiteralString = """
SELECT format('%%I.%%I', n.nspname, c.relname), array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = ANY(%(schemas)s) AND c.relkind IN ('r', 'p') AND pg_get_userbyid(c.relowner) = current_user
GROUP BY 1 ORDER BY 1
"""


def delete_records(spec: TableSpec) -> dict[str, str]:
    """Return the statements that delete catalogue records by id, by table; parameter `ids`."""
    return {
        table: f"DELETE FROM {table} WHERE {spec.key} = ANY(%(ids)s)"
        for table in (spec.observations, spec.table)
    }


def remove_hash() -> list[str]:
    """Return the statements that remove the hash from the raw keys of records and readings that stay."""
    keys = {"staging.list_reads": ["raw_key"]}
    for spec in (*CATALOGUE.values(), SPECS["playlist"]):
        for table in (spec.table, spec.observations):
            keys[table] = [group.order[2] for group in spec.groups]
    return [
        f"UPDATE {table} SET "
        + ", ".join(
            f"{key} = replace({key}, '/user=' || %(user)s || '/', '/user={_ERASED}/')" for key in columns
        )
        + f" WHERE {' OR '.join(f'{key} LIKE %(from_user)s' for key in columns)}"
        for table, columns in keys.items()
    ]
