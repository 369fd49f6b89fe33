-- Crawl state, playlists and what users' accounts hold. Frozen: a change is a new revision.

ALTER TABLE staging.source_records DROP CONSTRAINT source_records_record_kind_check;
ALTER TABLE staging.source_records ADD CONSTRAINT source_records_record_kind_check
    CHECK (record_kind IN ('track', 'album', 'artist', 'playlist'));
ALTER TABLE ops.reconciliation DROP CONSTRAINT reconciliation_record_kind_check;
ALTER TABLE ops.reconciliation ADD CONSTRAINT reconciliation_record_kind_check
    CHECK (record_kind IN ('track', 'album', 'artist', 'playlist', 'playlist_item', 'saved_track', 'top_track',
        'play', 'response'));
ALTER TABLE ops.quarantined_record DROP CONSTRAINT quarantined_record_record_kind_check;
ALTER TABLE ops.quarantined_record ADD CONSTRAINT quarantined_record_record_kind_check
    CHECK (record_kind IN ('track', 'album', 'artist', 'playlist', 'playlist_item', 'saved_track', 'top_track',
        'play', 'response'));

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

CREATE TABLE ops.crawl_state (
    source text NOT NULL,
    record_kind text NOT NULL,
    record_id text NOT NULL,
    listing_sha256 text NOT NULL,
    complete_on date NOT NULL,
    refreshed_at timestamptz NOT NULL,
    refresh_due_on date NOT NULL,
    CONSTRAINT crawl_state_pkey PRIMARY KEY (source, record_kind, record_id),
    CONSTRAINT crawl_state_record_kind_check CHECK (record_kind IN ('album'))
);

CREATE TABLE ops.detail_queue (
    record_kind text NOT NULL,
    record_id text NOT NULL,
    reason text NOT NULL,
    enqueued_on date NOT NULL,
    done_on date,
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

-- the new tables of staging have the default privileges of revision 0001; a playlist read again may be shorter
GRANT DELETE ON staging.playlist_membership TO spotify_ingest;
GRANT SELECT, INSERT, UPDATE ON ops.crawl_state, ops.detail_queue, ops.play_cursor, ops.play_gap, ops."user"
    TO spotify_ingest;
