-- The pace of an account's calls, shared by all tasks, and what a run has spent of its budget.

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

GRANT SELECT, INSERT, UPDATE ON ops.api_pace, ops.api_calls TO spotify_ingest;
