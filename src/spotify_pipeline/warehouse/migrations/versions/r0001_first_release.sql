-- Tables, views and rights of the first release. Frozen: a change is a new revision.
-- The tables were rendered from the metadata in warehouse/tables; views and rights are written here.

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
    CONSTRAINT tracks_detail_order_check CHECK (num_nulls(detail_observed_at, detail_rank, detail_raw_key) IN (0, 3)),
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
    CONSTRAINT albums_detail_order_check CHECK (num_nulls(detail_observed_at, detail_rank, detail_raw_key) IN (0, 3)),
    CONSTRAINT albums_label_rank_check CHECK (label_rank IN (0, 1)),
    CONSTRAINT albums_label_order_check CHECK (num_nulls(label_observed_at, label_rank, label_raw_key) IN (0, 3)),
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

CREATE TABLE staging.playlists (
    playlist_id text NOT NULL,
    name text NOT NULL,
    owner_hash text,
    is_public boolean,
    is_collaborative boolean,
    snapshot_id text,
    description text,
    listing_observed_at timestamptz NOT NULL,
    listing_rank smallint NOT NULL,
    listing_raw_key text COLLATE "C" NOT NULL,
    first_seen_on date NOT NULL,
    last_seen_on date NOT NULL,
    load_seq bigint NOT NULL,
    CONSTRAINT playlists_pkey PRIMARY KEY (playlist_id),
    CONSTRAINT playlists_listing_rank_check CHECK (listing_rank IN (0, 1)),
    CONSTRAINT playlists_seen_check CHECK (first_seen_on <= last_seen_on)
);
CREATE INDEX playlists_load_seq_idx ON staging.playlists (load_seq);

CREATE TABLE staging.playlist_observations (
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
    load_seq bigint NOT NULL,
    CONSTRAINT playlist_observations_pkey PRIMARY KEY (playlist_id, observed_on),
    CONSTRAINT playlist_observations_listing_rank_check CHECK (listing_rank IN (0, 1))
);
CREATE INDEX playlist_observations_load_seq_idx ON staging.playlist_observations (load_seq);
CREATE INDEX playlist_observations_observed_on_idx ON staging.playlist_observations (observed_on);

CREATE TABLE staging.source_records (
    source text NOT NULL,
    record_kind text NOT NULL,
    record_id text NOT NULL,
    first_seen_on date NOT NULL,
    last_seen_on date NOT NULL,
    load_seq bigint NOT NULL,
    CONSTRAINT source_records_pkey PRIMARY KEY (source, record_kind, record_id),
    CONSTRAINT source_records_seen_check CHECK (first_seen_on <= last_seen_on),
    CONSTRAINT source_records_record_kind_check CHECK (record_kind IN ('track', 'album', 'artist', 'playlist'))
);
CREATE INDEX source_records_load_seq_idx ON staging.source_records (load_seq);

CREATE TABLE staging.list_reads (
    list_kind text NOT NULL,
    list_id text NOT NULL,
    observed_on date NOT NULL,
    complete boolean NOT NULL,
    item_count integer NOT NULL,
    observed_at timestamptz NOT NULL,
    raw_key text COLLATE "C" NOT NULL,
    load_seq bigint NOT NULL,
    CONSTRAINT list_reads_pkey PRIMARY KEY (list_kind, list_id, observed_on),
    CONSTRAINT list_reads_list_kind_check CHECK (list_kind IN ('playlist', 'saved_tracks', 'top_tracks')),
    CONSTRAINT list_reads_item_count_check CHECK (item_count >= 0)
);
CREATE INDEX list_reads_load_seq_idx ON staging.list_reads (load_seq);

CREATE TABLE staging.playlist_membership (
    playlist_id text NOT NULL,
    observed_on date NOT NULL,
    position integer NOT NULL,
    track_id text,
    item_kind text NOT NULL,
    added_at timestamptz,
    complete boolean NOT NULL,
    load_seq bigint NOT NULL,
    CONSTRAINT playlist_membership_pkey PRIMARY KEY (playlist_id, observed_on, position),
    CONSTRAINT playlist_membership_item_kind_check CHECK (item_kind IN ('track', 'local', 'episode', 'null')),
    CONSTRAINT playlist_membership_track_id_check CHECK ((item_kind = 'track') = (track_id IS NOT NULL)),
    CONSTRAINT playlist_membership_position_check CHECK (position >= 0)
);
CREATE INDEX playlist_membership_load_seq_idx ON staging.playlist_membership (load_seq);
CREATE INDEX playlist_membership_track_id_idx ON staging.playlist_membership (track_id);

CREATE TABLE staging.saved_tracks (
    user_hash text NOT NULL,
    track_id text NOT NULL,
    added_at timestamptz,
    observed_at timestamptz NOT NULL,
    raw_key text COLLATE "C" NOT NULL,
    first_seen_on date NOT NULL,
    last_seen_on date NOT NULL,
    load_seq bigint NOT NULL,
    CONSTRAINT saved_tracks_pkey PRIMARY KEY (user_hash, track_id),
    CONSTRAINT saved_tracks_seen_check CHECK (first_seen_on <= last_seen_on),
    CONSTRAINT saved_tracks_user_hash_check CHECK (user_hash ~ '^[0-9a-f]{16}$')
);
CREATE INDEX saved_tracks_load_seq_idx ON staging.saved_tracks (load_seq);

CREATE TABLE staging.top_tracks (
    user_hash text NOT NULL,
    time_range text NOT NULL,
    observed_on date NOT NULL,
    rank integer NOT NULL,
    track_id text NOT NULL,
    observed_at timestamptz NOT NULL,
    raw_key text COLLATE "C" NOT NULL,
    load_seq bigint NOT NULL,
    CONSTRAINT top_tracks_pkey PRIMARY KEY (user_hash, time_range, observed_on, rank),
    CONSTRAINT top_tracks_time_range_check CHECK (time_range IN ('short_term', 'medium_term', 'long_term')),
    CONSTRAINT top_tracks_rank_check CHECK (rank >= 1),
    CONSTRAINT top_tracks_user_hash_check CHECK (user_hash ~ '^[0-9a-f]{16}$')
);
CREATE INDEX top_tracks_load_seq_idx ON staging.top_tracks (load_seq);

CREATE TABLE staging.plays (
    user_hash text NOT NULL,
    played_at timestamptz NOT NULL,
    track_id text NOT NULL,
    context_type text,
    context_id text,
    observed_at timestamptz NOT NULL,
    raw_key text COLLATE "C" NOT NULL,
    first_seen_on date NOT NULL,
    load_seq bigint NOT NULL,
    CONSTRAINT plays_pkey PRIMARY KEY (user_hash, played_at, track_id),
    CONSTRAINT plays_user_hash_check CHECK (user_hash ~ '^[0-9a-f]{16}$')
);
CREATE INDEX plays_load_seq_idx ON staging.plays (load_seq);
CREATE INDEX plays_track_id_idx ON staging.plays (track_id);

CREATE TABLE ops.alert (
    partition text NOT NULL,
    cause text NOT NULL,
    subject text NOT NULL,
    severity text NOT NULL,
    title text NOT NULL,
    happened text NOT NULL,
    meaning text NOT NULL,
    action text NOT NULL,
    dag_id text,
    run_id text,
    task_id text,
    raised_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    times_seen integer NOT NULL,
    delivered_to text[] NOT NULL,
    CONSTRAINT alert_pkey PRIMARY KEY (partition, cause, subject),
    CONSTRAINT alert_severity_check CHECK (severity IN ('error', 'warning')),
    CONSTRAINT alert_times_seen_check CHECK (times_seen >= 1),
    CONSTRAINT alert_seen_check CHECK (raised_at <= last_seen_at)
);
CREATE INDEX alert_raised_at_idx ON ops.alert (raised_at);

CREATE TABLE ops.crawl_state (
    source text NOT NULL,
    record_kind text NOT NULL,
    record_id text NOT NULL,
    listing_sha256  text NOT NULL,
    complete_on date NOT NULL,
    refreshed_at timestamptz NOT NULL,
    refresh_due_on date NOT NULL,
    CONSTRAINT crawl_state_pkey PRIMARY KEY (source, record_kind, record_id),
    CONSTRAINT crawl_state_record_kind_check CHECK (record_kind IN ('album'))
);

CREATE TABLE ops.crawl_begun (
    source text NOT NULL,
    record_kind text NOT NULL,
    record_id text NOT NULL,
    stopped_on date NOT NULL,
    listing_sha256  text NOT NULL,
    begun_at timestamptz NOT NULL,
    next_offset integer NOT NULL,
    CONSTRAINT crawl_begun_pkey PRIMARY KEY (source, record_kind, record_id, stopped_on),
    CONSTRAINT crawl_begun_record_kind_check CHECK (record_kind IN ('album')),
    CONSTRAINT crawl_begun_next_offset_check CHECK (next_offset >= 0)
);

CREATE TABLE ops.detail_queue (
    record_kind text NOT NULL,
    record_id text NOT NULL,
    reason text NOT NULL,
    enqueued_on date NOT NULL,
    done_on date,
    asked_on date,
    CONSTRAINT detail_queue_pkey PRIMARY KEY (record_kind, record_id),
    CONSTRAINT detail_queue_record_kind_check CHECK (record_kind IN ('track'))
);
CREATE INDEX detail_queue_enqueued_on_record_id_idx ON ops.detail_queue (enqueued_on, record_id)
    WHERE done_on IS NULL;

CREATE TABLE ops.play_cursor (
    user_hash text NOT NULL,
    after_ms bigint NOT NULL,
    last_run_at timestamptz NOT NULL,
    CONSTRAINT play_cursor_pkey PRIMARY KEY (user_hash),
    CONSTRAINT play_cursor_after_ms_check CHECK (after_ms >= 0)
);

CREATE TABLE ops.play_gap (
    user_hash text NOT NULL,
    from_played_at timestamptz NOT NULL,
    to_played_at timestamptz NOT NULL,
    noticed_at timestamptz NOT NULL,
    CONSTRAINT play_gap_pkey PRIMARY KEY (user_hash, from_played_at),
    CONSTRAINT play_gap_played_at_check CHECK (from_played_at < to_played_at)
);

CREATE TABLE ops."user" (
    user_hash text NOT NULL,
    connection text NOT NULL,
    scopes text NOT NULL,
    authorized_on date,
    token_expires_on date,
    erased_at timestamptz,
    CONSTRAINT user_pkey PRIMARY KEY (user_hash)
);

CREATE TABLE ops.source (
    name text NOT NULL,
    kind text NOT NULL,
    active boolean NOT NULL,
    definition_sha256  text NOT NULL,
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
    CONSTRAINT reconciliation_record_kind_check
        CHECK (record_kind IN (
            'track', 'album', 'artist', 'playlist', 'playlist_item', 'saved_track', 'top_track', 'play', 'response')),
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
    resolved_at timestamptz,
    CONSTRAINT quarantined_record_pkey PRIMARY KEY (source, record_kind, record_key, pointer, reason_code),
    CONSTRAINT quarantined_record_record_kind_check
        CHECK (record_kind IN (
            'track', 'album', 'artist', 'playlist', 'playlist_item', 'saved_track', 'top_track', 'play', 'response')),
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

CREATE TABLE ops.api_pace (
    account text NOT NULL,
    next_at timestamptz NOT NULL,
    paused_until timestamptz NOT NULL,
    CONSTRAINT api_pace_pkey PRIMARY KEY (account)
);

CREATE TABLE ops.api_calls (
    account text NOT NULL,
    run_id text NOT NULL,
    bucket text NOT NULL,
    calls bigint NOT NULL,
    first_call_at timestamptz NOT NULL,
    CONSTRAINT api_calls_pkey PRIMARY KEY (account, run_id, bucket),
    CONSTRAINT api_calls_calls_check CHECK (calls >= 0)
);

CREATE TABLE ops.erasure (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_hash text NOT NULL,
    erased_at timestamptz NOT NULL,
    removed jsonb NOT NULL,
    CONSTRAINT erasure_pkey PRIMARY KEY (id),
    CONSTRAINT erasure_user_hash_check CHECK (user_hash ~ '^[0-9a-f]{16}$')
);
CREATE INDEX erasure_user_hash_idx ON ops.erasure (user_hash);

CREATE TABLE ops.maintenance_run (
    id bigint GENERATED ALWAYS AS IDENTITY,
    as_of date NOT NULL,
    finished_at timestamptz NOT NULL,
    removed jsonb NOT NULL,
    CONSTRAINT maintenance_run_pkey PRIMARY KEY (id)
);

CREATE TABLE ops.record_shape (
    partition date NOT NULL,
    source text NOT NULL,
    request_kind text NOT NULL,
    record_kind text NOT NULL,
    records bigint NOT NULL,
    fields jsonb NOT NULL,
    new_fields text[] NOT NULL,
    CONSTRAINT record_shape_pkey PRIMARY KEY (source, request_kind, record_kind, partition),
    CONSTRAINT record_shape_record_kind_check
        CHECK (record_kind IN (
            'track', 'album', 'artist', 'playlist', 'playlist_item', 'saved_track', 'top_track', 'play', 'response')),
    CONSTRAINT record_shape_records_check CHECK (records >= 0)
);
CREATE INDEX record_shape_partition_idx ON ops.record_shape (partition);

CREATE SCHEMA landing;

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

-- spotify_ingest writes staging and ops. It deletes only where a second reading may hold less than the first, and
-- what has been merged from landing; erasing is the owner's.
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA staging TO spotify_ingest;
ALTER DEFAULT PRIVILEGES FOR ROLE spotify_owner IN SCHEMA staging
    GRANT SELECT, INSERT, UPDATE ON TABLES TO spotify_ingest;
GRANT DELETE ON staging.playlist_membership, ops.record_shape TO spotify_ingest;
GRANT SELECT ON ALL TABLES IN SCHEMA ops TO spotify_ingest;
GRANT INSERT ON ops.load TO spotify_ingest;
GRANT INSERT, UPDATE ON ops.source, ops.reconciliation, ops.step_lease, ops.api_cooldown, ops.quarantined_record,
    ops.publication, ops.crawl_state, ops.crawl_begun, ops.detail_queue, ops.play_cursor, ops.play_gap, ops."user",
    ops.api_pace, ops.api_calls, ops.alert, ops.record_shape TO spotify_ingest;
GRANT USAGE ON SEQUENCE ops.load_seq_seq TO spotify_ingest;
GRANT USAGE ON SCHEMA landing TO spotify_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA landing TO spotify_ingest;

-- spotify_dbt reads staging and what its models and its freshness checks need of ops, and writes its results
GRANT SELECT ON ALL TABLES IN SCHEMA staging TO spotify_dbt;
ALTER DEFAULT PRIVILEGES FOR ROLE spotify_owner IN SCHEMA staging GRANT SELECT ON TABLES TO spotify_dbt;
GRANT SELECT ON ops.load, ops.reconciliation, ops.source, ops.alembic_version TO spotify_dbt;
GRANT INSERT ON ops.dbt_result TO spotify_dbt;

-- spotify_reader sees what each run did
GRANT SELECT ON ops.publication, ops.load, ops.reconciliation, ops.source, ops.dbt_result, ops.alembic_version,
    ops.alert, ops.maintenance_run TO spotify_reader;

-- Drift of the contract, from one partition to the next. A view, so that the order in which partitions are run,
-- repeated or replayed does not matter. `new`: the contract does not describe the field. `gone`: every record of
-- the earlier partition had the field, no record of this one has it.
CREATE VIEW ops.contract_drift AS
WITH compared AS (
    SELECT shape.*, before.partition AS compared_with, before.records AS before_records,
        before.fields AS before_fields
    FROM ops.record_shape AS shape
    LEFT JOIN LATERAL (
        SELECT earlier.partition, earlier.records, earlier.fields
        FROM ops.record_shape AS earlier
        WHERE earlier.source = shape.source AND earlier.request_kind = shape.request_kind
            AND earlier.record_kind = shape.record_kind AND earlier.partition < shape.partition
        ORDER BY earlier.partition DESC
        LIMIT 1
    ) AS before ON true
)
SELECT partition, source, request_kind, record_kind, 'new' AS change, field,
    (fields ->> field)::bigint AS records, records AS of_records, compared_with
FROM compared CROSS JOIN unnest(new_fields) AS field
UNION ALL
SELECT partition, source, request_kind, record_kind, 'gone', past.field, records, records, compared_with
FROM compared CROSS JOIN LATERAL jsonb_each_text(before_fields) AS past (field, carried)
WHERE records > 0 AND past.carried::bigint = before_records AND NOT fields ? past.field;
GRANT SELECT ON ops.contract_drift TO spotify_ingest, spotify_reader, spotify_dbt;

-- gaps in listening histories, without the users
CREATE VIEW ops.listening_gap AS
SELECT (noticed_at AT TIME ZONE 'UTC')::date AS noticed_on, from_played_at, to_played_at FROM ops.play_gap;
GRANT SELECT ON ops.listening_gap TO spotify_reader;
