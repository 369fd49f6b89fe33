-- What the operators were told, once per cause and partition, and through which channels.

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

GRANT SELECT, INSERT, UPDATE ON ops.alert TO spotify_ingest;
GRANT SELECT ON ops.alert TO spotify_reader;
