"""Schema `staging`: the current state and history of records, and the records of each source."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Date,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.schema import SchemaItem

from spotify_pipeline.warehouse.tables.parts import (
    RECORD_KINDS,
    group,
    metadata,
    not_negative,
    one_of,
    popularity,
    required,
    seen,
)

RELEASE_DATE = "staging.release_date(release_date_raw, release_date_precision)"
"""The first day that text and precision allow; null for a date that does not exist."""


def track_columns() -> list[SchemaItem]:
    """Return new columns for the field groups of a track."""
    return [
        *group(
            "listing",
            required("name", Text),
            Column("album_id", Text),
            required("artist_ids", ARRAY(Text)),
            Column("track_number", Integer),
            Column("disc_number", Integer),
            Column("duration_ms", Integer),
            Column("explicit", Boolean),
        ),
        *group("playability", Column("is_playable", Boolean)),
        *group("detail", Column("isrc", Text)),
        *group("popularity", Column("popularity", SmallInteger)),
        *not_negative("track_number", "disc_number", "duration_ms"),
        popularity(),
    ]


def album_columns() -> list[SchemaItem]:
    """Return new columns for the field groups of an album."""
    return [
        *group(
            "listing",
            required("name", Text),
            Column("album_type", Text),
            Column("total_tracks", Integer),
            Column("release_date_raw", Text),
            Column("release_date_precision", Text),
            required("artist_ids", ARRAY(Text)),
            Column("image_url", Text),
        ),
        *group("detail", Column("upc", Text)),
        *group("label", Column("label", Text)),
        *group("popularity", Column("popularity", SmallInteger)),
        *not_negative("total_tracks"),
        popularity(),
    ]


def artist_columns() -> list[SchemaItem]:
    """Return new columns for the field groups of an artist."""
    return [
        *group("listing", required("name", Text)),
        *group("detail", Column("genres", ARRAY(Text)), Column("image_url", Text)),
        *group("popularity", Column("popularity", SmallInteger), Column("followers", BigInteger)),
        *not_negative("followers"),
        popularity(),
    ]


def playlist_columns() -> list[SchemaItem]:
    """Return new columns for the field groups of a playlist."""
    return [
        *group(
            "listing",
            required("name", Text),
            # a hash: the ids of other users are personal data too
            Column("owner_hash", Text),
            Column("is_public", Boolean),
            Column("is_collaborative", Boolean),
            Column("snapshot_id", Text),
            Column("description", Text),
        ),
    ]


def _current(name: str, key: str, columns: list[SchemaItem], *indexes: SchemaItem) -> Table:
    """Return a table of the current state, one row per id."""
    return Table(
        name,
        metadata,
        required(key, Text),
        *columns,
        *seen(),
        required("load_seq", BigInteger),
        PrimaryKeyConstraint(key),
        Index(None, "load_seq"),
        *indexes,
        schema="staging",
    )


def _observations(name: str, key: str, columns: list[SchemaItem]) -> Table:
    """Return a table of the history, one row per id and UTC date of the response."""
    return Table(
        name,
        metadata,
        required(key, Text),
        required("observed_on", Date),
        *columns,
        required("load_seq", BigInteger),
        PrimaryKeyConstraint(key, "observed_on"),
        Index(None, "load_seq"),
        Index(None, "observed_on"),
        schema="staging",
    )


tracks = _current(
    "tracks",
    "track_id",
    track_columns(),
    Index(None, "album_id"),
    Index(None, "artist_ids", postgresql_using="gin"),
)
albums = _current(
    "albums",
    "album_id",
    [*album_columns(), Column("release_date", Date, Computed(RELEASE_DATE, persisted=True))],
    Index(None, "release_date"),
    Index(None, "artist_ids", postgresql_using="gin"),
)
artists = _current("artists", "artist_id", artist_columns())
track_observations = _observations("track_observations", "track_id", track_columns())
album_observations = _observations("album_observations", "album_id", album_columns())
artist_observations = _observations("artist_observations", "artist_id", artist_columns())
playlists = _current("playlists", "playlist_id", playlist_columns())
playlist_observations = _observations("playlist_observations", "playlist_id", playlist_columns())

source_records = Table(
    "source_records",
    metadata,
    required("source", Text),
    required("record_kind", Text),
    required("record_id", Text),
    *seen(),
    required("load_seq", BigInteger),
    PrimaryKeyConstraint("source", "record_kind", "record_id"),
    one_of("record_kind", *RECORD_KINDS),
    Index(None, "load_seq"),
    schema="staging",
)
