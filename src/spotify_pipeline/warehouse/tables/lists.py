"""Lists of schema `staging`: entries of playlists and of users' accounts, and the readings of lists.

`user_hash` is a keyed hash of a Spotify user id (`spotify.account_ids`); the id itself is not stored.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.sql.schema import SchemaItem

from spotify_pipeline.warehouse.tables.parts import (
    TIMESTAMP,
    metadata,
    not_negative,
    one_of,
    required,
    seen,
    user_hash_form,
)

LIST_KINDS = ("playlist", "saved_tracks", "top_tracks", "top_artists", "followed_artists")
ITEM_KINDS = ("track", "local", "episode", "null")
TIME_RANGES = ("short_term", "medium_term", "long_term")


def _observed() -> list[SchemaItem]:
    """Return the columns that identify the response of a row; the greatest wins."""
    return [required("observed_at", TIMESTAMP), required("raw_key", Text(collation="C"))]


# one row per list and date: the reading that won. A complete, empty list has a row here and none in the
# tables below; an incomplete list never means that an entry left it.
list_reads = Table(
    "list_reads",
    metadata,
    required("list_kind", Text),
    # a playlist's id; a user's hash; a user's hash and the time range, with a colon between
    required("list_id", Text),
    required("observed_on", Date),
    required("complete", Boolean),
    required("item_count", Integer),
    # time of its first response: entries that were last seen before it have left the list; null: not known
    Column("begun_at", TIMESTAMP),
    *_observed(),
    required("load_seq", BigInteger),
    PrimaryKeyConstraint("list_kind", "list_id", "observed_on"),
    one_of("list_kind", *LIST_KINDS),
    *not_negative("item_count"),
    Index(None, "load_seq"),
    schema="staging",
)

playlist_membership = Table(
    "playlist_membership",
    metadata,
    required("playlist_id", Text),
    required("observed_on", Date),
    # from 0, in the playlist's own order
    required("position", Integer),
    Column("track_id", Text),
    required("item_kind", Text),
    Column("added_at", TIMESTAMP),
    required("complete", Boolean, "Whether the whole playlist was read on this date."),
    required("load_seq", BigInteger),
    PrimaryKeyConstraint("playlist_id", "observed_on", "position"),
    one_of("item_kind", *ITEM_KINDS),
    CheckConstraint("(item_kind = 'track') = (track_id IS NOT NULL)", name="track_id"),
    *not_negative("position"),
    Index(None, "load_seq"),
    Index(None, "track_id"),
    schema="staging",
)

saved_tracks = Table(
    "saved_tracks",
    metadata,
    required("user_hash", Text),
    required("track_id", Text),
    Column("added_at", TIMESTAMP, doc="When it was saved."),
    *_observed(),
    *seen(),
    required("load_seq", BigInteger),
    PrimaryKeyConstraint("user_hash", "track_id"),
    user_hash_form(),
    Index(None, "load_seq"),
    schema="staging",
)

top_tracks = Table(
    "top_tracks",
    metadata,
    required("user_hash", Text),
    required("time_range", Text),
    required("observed_on", Date),
    # from 1
    required("rank", Integer),
    required("track_id", Text),
    *_observed(),
    required("load_seq", BigInteger),
    PrimaryKeyConstraint("user_hash", "time_range", "observed_on", "rank"),
    one_of("time_range", *TIME_RANGES),
    CheckConstraint("rank >= 1", name="rank"),
    user_hash_form(),
    Index(None, "load_seq"),
    schema="staging",
)

top_artists = Table(
    "top_artists",
    metadata,
    required("user_hash", Text),
    required("time_range", Text),
    required("observed_on", Date),
    # from 1
    required("rank", Integer),
    required("artist_id", Text),
    *_observed(),
    required("load_seq", BigInteger),
    PrimaryKeyConstraint("user_hash", "time_range", "observed_on", "rank"),
    one_of("time_range", *TIME_RANGES),
    CheckConstraint("rank >= 1", name="rank"),
    user_hash_form(),
    Index(None, "load_seq"),
    schema="staging",
)

# Spotify does not return since when a user follows an artist
followed_artists = Table(
    "followed_artists",
    metadata,
    required("user_hash", Text),
    required("artist_id", Text),
    *_observed(),
    *seen(),
    required("load_seq", BigInteger),
    PrimaryKeyConstraint("user_hash", "artist_id"),
    user_hash_form(),
    Index(None, "load_seq"),
    schema="staging",
)

plays = Table(
    "plays",
    metadata,
    required("user_hash", Text),
    required("played_at", TIMESTAMP),
    required("track_id", Text),
    Column("context_type", Text),
    Column("context_id", Text),
    *_observed(),
    required("first_seen_on", Date),
    required("load_seq", BigInteger),
    PrimaryKeyConstraint("user_hash", "played_at", "track_id"),
    user_hash_form(),
    Index(None, "load_seq"),
    Index(None, "track_id"),
    schema="staging",
)
