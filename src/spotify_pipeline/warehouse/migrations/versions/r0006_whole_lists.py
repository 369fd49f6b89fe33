"""A list that is read twice on a day is what its last complete reading said."""

from __future__ import annotations

from alembic import op

revision = "r0006"
down_revision = "r0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the load shorten a top list, and say when a reading began."""
    op.execute("GRANT DELETE ON staging.top_tracks, staging.top_artists TO spotify_ingest")
    op.execute("ALTER TABLE staging.list_reads ADD COLUMN begun_at timestamptz")
