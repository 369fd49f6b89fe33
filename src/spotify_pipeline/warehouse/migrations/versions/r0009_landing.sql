-- Where the Spark engine lands folded rows on their way into staging; of interest to a load alone.
-- Frozen: a change is a new revision.

CREATE SCHEMA landing;
GRANT USAGE ON SCHEMA landing TO spotify_ingest;

CREATE TABLE landing.batch (
    batch bigint GENERATED ALWAYS AS IDENTITY,
    run_id text NOT NULL,
    opened_at timestamptz NOT NULL,
    CONSTRAINT batch_pkey PRIMARY KEY (batch)
);

CREATE UNLOGGED TABLE landing.track_observations (
    batch bigint NOT NULL,
    task integer NOT NULL,
    unit integer NOT NULL,
    track_id text NOT NULL,
    observed_on date NOT NULL,
    name text NOT NULL,
    album_id text,
    artist_ids text[] NOT NULL,
    track_number integer,
    disc_number integer,
    duration_ms integer,
    explicit boolean,
    listing_observed_at timestamptz NOT NULL,
    listing_rank smallint NOT NULL,
    listing_raw_key text COLLATE "C" NOT NULL,
    is_playable boolean,
    playability_observed_at timestamptz,
    playability_rank smallint,
    playability_raw_key text COLLATE "C",
    isrc text,
    detail_observed_at timestamptz,
    detail_rank smallint,
    detail_raw_key text COLLATE "C",
    popularity smallint,
    popularity_observed_at timestamptz,
    popularity_rank smallint,
    popularity_raw_key text COLLATE "C",
    CONSTRAINT track_observations_listing_rank_check CHECK (listing_rank IN (0, 1)),
    CONSTRAINT track_observations_playability_rank_check CHECK (playability_rank IN (0, 1)),
    CONSTRAINT track_observations_playability_order_check
        CHECK (num_nulls(playability_observed_at, playability_rank, playability_raw_key) IN (0, 3)),
    CONSTRAINT track_observations_detail_rank_check CHECK (detail_rank IN (0, 1)),
    CONSTRAINT track_observations_detail_order_check
        CHECK (num_nulls(detail_observed_at, detail_rank, detail_raw_key) IN (0, 3)),
    CONSTRAINT track_observations_popularity_rank_check CHECK (popularity_rank IN (0, 1)),
    CONSTRAINT track_observations_popularity_order_check
        CHECK (num_nulls(popularity_observed_at, popularity_rank, popularity_raw_key) IN (0, 3)),
    CONSTRAINT track_observations_track_number_check CHECK (track_number >= 0),
    CONSTRAINT track_observations_disc_number_check CHECK (disc_number >= 0),
    CONSTRAINT track_observations_duration_ms_check CHECK (duration_ms >= 0),
    CONSTRAINT track_observations_popularity_check CHECK (popularity BETWEEN 0 AND 100)
);
CREATE INDEX track_observations_batch_task_idx ON landing.track_observations (batch, task);

CREATE UNLOGGED TABLE landing.album_observations (
    batch bigint NOT NULL,
    task integer NOT NULL,
    unit integer NOT NULL,
    album_id text NOT NULL,
    observed_on date NOT NULL,
    name text NOT NULL,
    album_type text,
    total_tracks integer,
    release_date_raw text,
    release_date_precision text,
    artist_ids text[] NOT NULL,
    image_url text,
    listing_observed_at timestamptz NOT NULL,
    listing_rank smallint NOT NULL,
    listing_raw_key text COLLATE "C" NOT NULL,
    upc text,
    detail_observed_at timestamptz,
    detail_rank smallint,
    detail_raw_key text COLLATE "C",
    label text,
    label_observed_at timestamptz,
    label_rank smallint,
    label_raw_key text COLLATE "C",
    popularity smallint,
    popularity_observed_at timestamptz,
    popularity_rank smallint,
    popularity_raw_key text COLLATE "C",
    CONSTRAINT album_observations_listing_rank_check CHECK (listing_rank IN (0, 1)),
    CONSTRAINT album_observations_detail_rank_check CHECK (detail_rank IN (0, 1)),
    CONSTRAINT album_observations_detail_order_check
        CHECK (num_nulls(detail_observed_at, detail_rank, detail_raw_key) IN (0, 3)),
    CONSTRAINT album_observations_label_rank_check CHECK (label_rank IN (0, 1)),
    CONSTRAINT album_observations_label_order_check
        CHECK (num_nulls(label_observed_at, label_rank, label_raw_key) IN (0, 3)),
    CONSTRAINT album_observations_popularity_rank_check CHECK (popularity_rank IN (0, 1)),
    CONSTRAINT album_observations_popularity_order_check
        CHECK (num_nulls(popularity_observed_at, popularity_rank, popularity_raw_key) IN (0, 3)),
    CONSTRAINT album_observations_total_tracks_check CHECK (total_tracks >= 0),
    CONSTRAINT album_observations_popularity_check CHECK (popularity BETWEEN 0 AND 100)
);
CREATE INDEX album_observations_batch_task_idx ON landing.album_observations (batch, task);

CREATE UNLOGGED TABLE landing.artist_observations (
    batch bigint NOT NULL,
    task integer NOT NULL,
    unit integer NOT NULL,
    artist_id text NOT NULL,
    observed_on date NOT NULL,
    name text NOT NULL,
    listing_observed_at timestamptz NOT NULL,
    listing_rank smallint NOT NULL,
    listing_raw_key text COLLATE "C" NOT NULL,
    genres text[],
    image_url text,
    detail_observed_at timestamptz,
    detail_rank smallint,
    detail_raw_key text COLLATE "C",
    popularity smallint,
    followers bigint,
    popularity_observed_at timestamptz,
    popularity_rank smallint,
    popularity_raw_key text COLLATE "C",
    CONSTRAINT artist_observations_listing_rank_check CHECK (listing_rank IN (0, 1)),
    CONSTRAINT artist_observations_detail_rank_check CHECK (detail_rank IN (0, 1)),
    CONSTRAINT artist_observations_detail_order_check
        CHECK (num_nulls(detail_observed_at, detail_rank, detail_raw_key) IN (0, 3)),
    CONSTRAINT artist_observations_popularity_rank_check CHECK (popularity_rank IN (0, 1)),
    CONSTRAINT artist_observations_popularity_order_check
        CHECK (num_nulls(popularity_observed_at, popularity_rank, popularity_raw_key) IN (0, 3)),
    CONSTRAINT artist_observations_followers_check CHECK (followers >= 0),
    CONSTRAINT artist_observations_popularity_check CHECK (popularity BETWEEN 0 AND 100)
);
CREATE INDEX artist_observations_batch_task_idx ON landing.artist_observations (batch, task);

CREATE UNLOGGED TABLE landing.playlist_observations (
    batch bigint NOT NULL,
    task integer NOT NULL,
    unit integer NOT NULL,
    playlist_id text NOT NULL,
    observed_on date NOT NULL,
    name text NOT NULL,
    owner_hash text,
    is_public boolean,
    is_collaborative boolean,
    snapshot_id text,
    description text,
    listing_observed_at timestamptz NOT NULL,
    listing_rank smallint NOT NULL,
    listing_raw_key text COLLATE "C" NOT NULL,
    CONSTRAINT playlist_observations_listing_rank_check CHECK (listing_rank IN (0, 1))
);
CREATE INDEX playlist_observations_batch_task_idx ON landing.playlist_observations (batch, task);

CREATE UNLOGGED TABLE landing.source_records (
    batch bigint NOT NULL,
    task integer NOT NULL,
    unit integer NOT NULL,
    source text NOT NULL,
    record_kind text NOT NULL,
    record_id text NOT NULL,
    first_seen_on date NOT NULL,
    last_seen_on date NOT NULL,
    CONSTRAINT source_records_seen_check CHECK (first_seen_on <= last_seen_on),
    CONSTRAINT source_records_record_kind_check CHECK (record_kind IN ('track', 'album', 'artist', 'playlist'))
);
CREATE INDEX source_records_batch_task_idx ON landing.source_records (batch, task);

-- what a task or a batch has landed goes when it is tried again, and once it is merged
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA landing TO spotify_ingest;
