"""A publication says what its tables were built from, so that equal inputs are not built twice."""

from __future__ import annotations

from alembic import op

revision = "r0005"
down_revision = "r0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the digest; spotify_ingest, which publishes, reads the log of removals for it."""
    op.execute("ALTER TABLE ops.publication ADD COLUMN inputs_digest text")
    op.execute("GRANT SELECT ON ops.removal TO spotify_ingest")
