-- Where the crawl of an album stopped, ids that Spotify answered with nothing, and gaps for readers.
-- Frozen: a change is a new revision.

CREATE TABLE ops.crawl_begun (
    source text NOT NULL,
    record_kind text NOT NULL,
    record_id text NOT NULL,
    stopped_on date NOT NULL,
    listing_sha256 text NOT NULL,
    begun_at timestamptz NOT NULL,
    next_offset integer NOT NULL,
    CONSTRAINT crawl_begun_pkey PRIMARY KEY (source, record_kind, record_id, stopped_on),
    CONSTRAINT crawl_begun_record_kind_check CHECK (record_kind IN ('album')),
    CONSTRAINT crawl_begun_next_offset_check CHECK (next_offset >= 0)
);
GRANT SELECT, INSERT, UPDATE ON ops.crawl_begun TO spotify_ingest;

-- the last partition in which the id was asked for and nothing came
ALTER TABLE ops.detail_queue ADD COLUMN asked_on date;

-- what a report says of a listening history, without saying whose
CREATE VIEW ops.listening_gap AS
SELECT (noticed_at AT TIME ZONE 'UTC')::date AS noticed_on, from_played_at, to_played_at FROM ops.play_gap;
GRANT SELECT ON ops.listening_gap TO spotify_reader;
