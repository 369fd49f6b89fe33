"""A user's top artists and followed artists, and their kinds in the checks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"
branch_labels = None
depends_on = None

_LIST_KINDS = ("playlist", "saved_tracks", "top_tracks", "top_artists", "followed_artists")
_RECORD_KINDS = (
    "track",
    "album",
    "artist",
    "playlist",
    "playlist_item",
    "saved_track",
    "top_track",
    "top_artist",
    "followed_artist",
    "play",
    "response",
)


def upgrade() -> None:
    """Create the two tables, and let lists and counts be of their kinds."""
    op.create_table(
        "followed_artists",
        sa.Column("user_hash", sa.Text(), nullable=False),
        sa.Column("artist_id", sa.Text(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raw_key", sa.Text(collation="C"), nullable=False),
        sa.Column("first_seen_on", sa.Date(), nullable=False),
        sa.Column("last_seen_on", sa.Date(), nullable=False),
        sa.Column("load_seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("user_hash ~ '^[0-9a-f]{16}$'", name=op.f("followed_artists_user_hash_check")),
        sa.CheckConstraint("first_seen_on <= last_seen_on", name=op.f("followed_artists_seen_check")),
        sa.PrimaryKeyConstraint("user_hash", "artist_id", name=op.f("followed_artists_pkey")),
        schema="staging",
    )
    op.create_index(
        op.f("followed_artists_load_seq_idx"),
        "followed_artists",
        ["load_seq"],
        unique=False,
        schema="staging",
    )
    op.create_table(
        "top_artists",
        sa.Column("user_hash", sa.Text(), nullable=False),
        sa.Column("time_range", sa.Text(), nullable=False),
        sa.Column("observed_on", sa.Date(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("artist_id", sa.Text(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raw_key", sa.Text(collation="C"), nullable=False),
        sa.Column("load_seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "time_range IN ('short_term', 'medium_term', 'long_term')",
            name=op.f("top_artists_time_range_check"),
        ),
        sa.CheckConstraint("user_hash ~ '^[0-9a-f]{16}$'", name=op.f("top_artists_user_hash_check")),
        sa.CheckConstraint("rank >= 1", name=op.f("top_artists_rank_check")),
        sa.PrimaryKeyConstraint(
            "user_hash", "time_range", "observed_on", "rank", name=op.f("top_artists_pkey")
        ),
        schema="staging",
    )
    op.create_index(
        op.f("top_artists_load_seq_idx"), "top_artists", ["load_seq"], unique=False, schema="staging"
    )
    for table in ("quarantined_record", "record_shape", "reconciliation"):
        _replace_check("ops", table, "record_kind", _RECORD_KINDS)
    _replace_check("staging", "list_reads", "list_kind", _LIST_KINDS)


def _replace_check(schema: str, table: str, column: str, values: tuple[str, ...]) -> None:
    name = f"{table}_{column}_check"
    allowed = ", ".join(f"'{value}'" for value in values)
    op.drop_constraint(name, table, schema=schema)
    op.create_check_constraint(op.f(name), table, f"{column} IN ({allowed})", schema=schema)
