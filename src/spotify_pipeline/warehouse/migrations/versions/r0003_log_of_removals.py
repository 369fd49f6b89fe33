"""Log of removals, which the models of dbt follow."""

from __future__ import annotations

from alembic import op

revision = "r0003"
down_revision = "r0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the log; the owner writes it, and dbt reads it."""
    op.execute("""
        CREATE TABLE ops.removal (
            load_seq bigint NOT NULL,
            removed_at timestamptz NOT NULL,
            history_before date,
            plays_before date,
            CONSTRAINT removal_pkey PRIMARY KEY (load_seq)
        )
    """)
    op.execute("GRANT SELECT ON ops.removal TO spotify_dbt")
