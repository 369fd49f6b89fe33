-- Every table of `staging` and `ops`, with the grants of each role. Frozen: a change is a new revision.

CREATE SEQUENCE ops.load_seq_seq AS bigint;

CREATE TABLE staging.tracks (
    track_id text NOT NULL,
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
    first_seen_on date NOT NULL,
    last_seen_on date NOT NULL,
    load_seq bigint NOT NULL,
    CONSTRAINT tracks_pkey PRIMARY KEY (track_id),
    CONSTRAINT tracks_listing_rank_check CHECK (listing_rank IN (0, 1)),
    CONSTRAINT tracks_playability_rank_check CHECK (playability_rank IN (0, 1)),
    CONSTRAINT tracks_playability_order_check
        CHECK (num_nulls(playability_observed_at, playability_rank, playability_raw_key) IN (0, 3)),
    CONSTRAINT tracks_detail_rank_check CHECK (detail_rank IN (0, 1)),
    CONSTRAINT tracks_detail_order_check
        CHECK (num_nulls(detail_observed_at, detail_rank, detail_raw_key) IN (0, 3)),
    CONSTRAINT tracks_popularity_rank_check CHECK (popularity_rank IN (0, 1)),
    CONSTRAINT tracks_popularity_order_check
        CHECK (num_nulls(popularity_observed_at, popularity_rank, popularity_raw_key) IN (0, 3)),
    CONSTRAINT tracks_track_number_check CHECK (track_number >= 0),
    CONSTRAINT tracks_disc_number_check CHECK (disc_number >= 0),
    CONSTRAINT tracks_duration_ms_check CHECK (duration_ms >= 0),
    CONSTRAINT tracks_popularity_check CHECK (popularity BETWEEN 0 AND 100),
    CONSTRAINT tracks_seen_check CHECK (first_seen_on <= last_seen_on)
);
CREATE INDEX tracks_album_id_idx ON staging.tracks (album_id);
CREATE INDEX tracks_artist_ids_idx ON staging.tracks USING gin (artist_ids);
CREATE INDEX tracks_isrc_idx ON staging.tracks (isrc);
CREATE INDEX tracks_load_seq_idx ON staging.tracks (load_seq);

CREATE TABLE staging.albums (
    album_id text NOT NULL,
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
    first_seen_on date NOT NULL,
    last_seen_on date NOT NULL,
    load_seq bigint NOT NULL,
    CONSTRAINT albums_pkey PRIMARY KEY (album_id),
    CONSTRAINT albums_listing_rank_check CHECK (listing_rank IN (0, 1)),
    CONSTRAINT albums_detail_rank_check CHECK (detail_rank IN (0, 1)),
    CONSTRAINT albums_detail_order_check
        CHECK (num_nulls(detail_observed_at, detail_rank, detail_raw_key) IN (0, 3)),
    CONSTRAINT albums_label_rank_check CHECK (label_rank IN (0, 1)),
    CONSTRAINT albums_label_order_check
        CHECK (num_nulls(label_observed_at, label_rank, label_raw_key) IN (0, 3)),
    CONSTRAINT albums_popularity_rank_check CHECK (popularity_rank IN (0, 1)),
    CONSTRAINT albums_popularity_order_check
        CHECK (num_nulls(popularity_observed_at, popularity_rank, popularity_raw_key) IN (0, 3)),
    CONSTRAINT albums_total_tracks_check CHECK (total_tracks >= 0),
    CONSTRAINT albums_popularity_check CHECK (popularity BETWEEN 0 AND 100),
    CONSTRAINT albums_seen_check CHECK (first_seen_on <= last_seen_on)
);
CREATE INDEX albums_artist_ids_idx ON staging.albums USING gin (artist_ids);
CREATE INDEX albums_load_seq_idx ON staging.albums (load_seq);
CREATE INDEX albums_release_date_raw_idx ON staging.albums (release_date_raw);

CREATE TABLE staging.artists (
    artist_id text NOT NULL,
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
    first_seen_on date NOT NULL,
    last_seen_on date NOT NULL,
    load_seq bigint NOT NULL,
    CONSTRAINT artists_pkey PRIMARY KEY (artist_id),
    CONSTRAINT artists_listing_rank_check CHECK (listing_rank IN (0, 1)),
    CONSTRAINT artists_detail_rank_check CHECK (detail_rank IN (0, 1)),
    CONSTRAINT artists_detail_order_check
        CHECK (num_nulls(detail_observed_at, detail_rank, detail_raw_key) IN (0, 3)),
    CONSTRAINT artists_popularity_rank_check CHECK (popularity_rank IN (0, 1)),
    CONSTRAINT artists_popularity_order_check
        CHECK (num_nulls(popularity_observed_at, popularity_rank, popularity_raw_key) IN (0, 3)),
    CONSTRAINT artists_followers_check CHECK (followers >= 0),
    CONSTRAINT artists_popularity_check CHECK (popularity BETWEEN 0 AND 100),
    CONSTRAINT artists_seen_check CHECK (first_seen_on <= last_seen_on)
);
CREATE INDEX artists_load_seq_idx ON staging.artists (load_seq);

CREATE TABLE staging.track_observations (
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
    load_seq bigint NOT NULL,
    CONSTRAINT track_observations_pkey PRIMARY KEY (track_id, observed_on),
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
CREATE INDEX track_observations_load_seq_idx ON staging.track_observations (load_seq);
CREATE INDEX track_observations_observed_on_idx ON staging.track_observations (observed_on);

CREATE TABLE staging.album_observations (
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
    load_seq bigint NOT NULL,
    CONSTRAINT album_observations_pkey PRIMARY KEY (album_id, observed_on),
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
CREATE INDEX album_observations_load_seq_idx ON staging.album_observations (load_seq);
CREATE INDEX album_observations_observed_on_idx ON staging.album_observations (observed_on);

CREATE TABLE staging.artist_observations (
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
    load_seq bigint NOT NULL,
    CONSTRAINT artist_observations_pkey PRIMARY KEY (artist_id, observed_on),
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
CREATE INDEX artist_observations_load_seq_idx ON staging.artist_observations (load_seq);
CREATE INDEX artist_observations_observed_on_idx ON staging.artist_observations (observed_on);

CREATE TABLE staging.source_records (
    source text NOT NULL,
    record_kind text NOT NULL,
    record_id text NOT NULL,
    first_seen_on date NOT NULL,
    last_seen_on date NOT NULL,
    load_seq bigint NOT NULL,
    CONSTRAINT source_records_pkey PRIMARY KEY (source, record_kind, record_id),
    CONSTRAINT source_records_seen_check CHECK (first_seen_on <= last_seen_on),
    CONSTRAINT source_records_record_kind_check CHECK (record_kind IN ('track', 'album', 'artist'))
);
CREATE INDEX source_records_load_seq_idx ON staging.source_records (load_seq);

CREATE TABLE ops.source (
    name text NOT NULL,
    kind text NOT NULL,
    active boolean NOT NULL,
    definition_sha256 text NOT NULL,
    first_planned_on date NOT NULL,
    last_planned_on date NOT NULL,
    CONSTRAINT source_pkey PRIMARY KEY (name),
    CONSTRAINT source_planned_check CHECK (first_planned_on <= last_planned_on)
);

CREATE TABLE ops.load (
    load_seq bigint NOT NULL,
    partition date NOT NULL,
    source text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    inserted bigint NOT NULL,
    updated bigint NOT NULL,
    unchanged bigint NOT NULL,
    complete boolean NOT NULL,
    run_id text NOT NULL,
    try_number integer NOT NULL,
    CONSTRAINT load_pkey PRIMARY KEY (load_seq),
    CONSTRAINT load_inserted_check CHECK (inserted >= 0),
    CONSTRAINT load_updated_check CHECK (updated >= 0),
    CONSTRAINT load_unchanged_check CHECK (unchanged >= 0)
);
CREATE INDEX load_finished_at_idx ON ops.load (finished_at);
CREATE INDEX load_partition_source_idx ON ops.load (partition, source);

CREATE TABLE ops.reconciliation (
    partition date NOT NULL,
    source text NOT NULL,
    record_kind text NOT NULL,
    fetched bigint NOT NULL,
    loaded bigint NOT NULL,
    quarantined bigint NOT NULL,
    duplicates bigint NOT NULL,
    set_aside bigint NOT NULL,
    complete boolean NOT NULL,
    status text NOT NULL,
    message text,
    checked_at timestamptz NOT NULL,
    CONSTRAINT reconciliation_pkey PRIMARY KEY (partition, source, record_kind),
    CONSTRAINT reconciliation_record_kind_check CHECK (record_kind IN ('track', 'album', 'artist', 'response')),
    CONSTRAINT reconciliation_status_check CHECK (status IN ('complete', 'partial', 'failed')),
    CONSTRAINT reconciliation_fetched_check CHECK (fetched >= 0),
    CONSTRAINT reconciliation_loaded_check CHECK (loaded >= 0),
    CONSTRAINT reconciliation_quarantined_check CHECK (quarantined >= 0),
    CONSTRAINT reconciliation_duplicates_check CHECK (duplicates >= 0),
    CONSTRAINT reconciliation_set_aside_check CHECK (set_aside >= 0)
);

CREATE TABLE ops.step_lease (
    step text NOT NULL,
    partition date NOT NULL,
    source text NOT NULL,
    fence bigint NOT NULL,
    holder text NOT NULL,
    acquired_at timestamptz NOT NULL,
    CONSTRAINT step_lease_pkey PRIMARY KEY (step, partition, source)
);

CREATE TABLE ops.api_cooldown (
    account text NOT NULL,
    bucket text NOT NULL,
    deadline timestamptz NOT NULL,
    reason text,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT api_cooldown_pkey PRIMARY KEY (account, bucket)
);

CREATE TABLE ops.quarantined_record (
    source text NOT NULL,
    record_kind text NOT NULL,
    record_key text NOT NULL,
    pointer text NOT NULL,
    reason_code text NOT NULL,
    partition date NOT NULL,
    schema_version text NOT NULL,
    raw_key text COLLATE "C" NOT NULL,
    message text NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    CONSTRAINT quarantined_record_pkey PRIMARY KEY (source, record_kind, record_key, pointer, reason_code),
    CONSTRAINT quarantined_record_record_kind_check CHECK (record_kind IN ('track', 'album', 'artist', 'response')),
    CONSTRAINT quarantined_record_seen_check CHECK (first_seen_at <= last_seen_at)
);
CREATE INDEX quarantined_record_partition_idx ON ops.quarantined_record (partition);

CREATE TABLE ops.publication (
    partition date NOT NULL,
    published_at timestamptz NOT NULL,
    run_id text NOT NULL,
    load_seq bigint NOT NULL,
    tests_passed integer NOT NULL,
    CONSTRAINT publication_pkey PRIMARY KEY (partition),
    CONSTRAINT publication_tests_passed_check CHECK (tests_passed >= 0)
);

CREATE TABLE ops.dbt_result (
    id bigint GENERATED ALWAYS AS IDENTITY,
    partition text,
    run_id text,
    try_number integer,
    unique_id text NOT NULL,
    resource_type text NOT NULL,
    status text NOT NULL,
    execution_time numeric,
    rows_affected bigint,
    failures bigint,
    message text,
    recorded_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT dbt_result_pkey PRIMARY KEY (id)
);
CREATE INDEX dbt_result_partition_unique_id_idx ON ops.dbt_result (partition, unique_id);

-- spotify_ingest writes staging and ops, and deletes nothing: erasing is the owner's
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA staging TO spotify_ingest;
ALTER DEFAULT PRIVILEGES FOR ROLE spotify_owner IN SCHEMA staging GRANT SELECT, INSERT, UPDATE ON TABLES TO spotify_ingest;
GRANT SELECT ON ALL TABLES IN SCHEMA ops TO spotify_ingest;
GRANT INSERT ON ops.load TO spotify_ingest;
GRANT INSERT, UPDATE ON ops.source, ops.reconciliation, ops.step_lease, ops.api_cooldown, ops.quarantined_record,
    ops.publication TO spotify_ingest;
GRANT USAGE ON SEQUENCE ops.load_seq_seq TO spotify_ingest;

-- spotify_dbt reads staging and what its models and its freshness need of ops, and leaves its results
GRANT SELECT ON ALL TABLES IN SCHEMA staging TO spotify_dbt;
ALTER DEFAULT PRIVILEGES FOR ROLE spotify_owner IN SCHEMA staging GRANT SELECT ON TABLES TO spotify_dbt;
GRANT SELECT ON ops.load, ops.reconciliation, ops.source, ops.alembic_version TO spotify_dbt;
GRANT INSERT ON ops.dbt_result TO spotify_dbt;

-- spotify_reader sees what each run did
GRANT SELECT ON ops.publication, ops.load, ops.reconciliation, ops.source, ops.dbt_result, ops.alembic_version
    TO spotify_reader;
