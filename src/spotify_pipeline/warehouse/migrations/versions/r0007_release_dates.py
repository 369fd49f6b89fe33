"""Albums have their release date as a date, with an index; two indexes that no query used go."""

from __future__ import annotations

from alembic import op

revision = "r0007"
down_revision = "r0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, which Postgres fills from text and precision, and replace the index on the text.

    Spotify's texts include "0000" and days that do not exist: they give null. Readers look ISRCs up in the
    marts, in their compact form, which the index on the text of staging could not serve.
    """
    op.execute(
        """
        CREATE FUNCTION staging.release_date(raw text, "precision" text) RETURNS date
        LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            IF raw !~ '^\\d{4}(-\\d{2}){0,2}$' THEN
                RETURN NULL;
            END IF;
            RETURN make_date(
                left(raw, 4)::integer,
                CASE "precision" WHEN 'year' THEN 1 ELSE nullif(substr(raw, 6, 2), '')::integer END,
                CASE WHEN "precision" IN ('year', 'month') THEN 1
                    WHEN "precision" = 'day' THEN nullif(substr(raw, 9, 2), '')::integer END
            );
        EXCEPTION WHEN datetime_field_overflow THEN
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        "COMMENT ON FUNCTION staging.release_date IS"
        " 'first day of the year, month or day that an album was released on; null when there is none'"
    )
    op.execute(
        "ALTER TABLE staging.albums ADD COLUMN release_date date"
        " GENERATED ALWAYS AS (staging.release_date(release_date_raw, release_date_precision)) STORED"
    )
    op.execute("CREATE INDEX albums_release_date_idx ON staging.albums (release_date)")
    op.execute("DROP INDEX staging.albums_release_date_raw_idx")
    op.execute("DROP INDEX staging.tracks_isrc_idx")
