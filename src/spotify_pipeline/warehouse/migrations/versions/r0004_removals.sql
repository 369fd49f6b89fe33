-- Quarantined records that pass by now, receipts of erasures, and the log of maintenance. Frozen: a change is a
-- new revision.

ALTER TABLE ops.quarantined_record ADD COLUMN resolved_at timestamptz;

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

-- a run asks whether the user it would read for was erased; both tables are written by their owner alone
GRANT SELECT ON ops.erasure, ops.maintenance_run TO spotify_ingest;
GRANT SELECT ON ops.maintenance_run TO spotify_reader;
