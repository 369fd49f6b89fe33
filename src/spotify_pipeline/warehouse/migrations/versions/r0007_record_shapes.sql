-- Drift of the contract: which fields the records of a run had, and how that differs from the run before.
-- Frozen: a change is a new revision.

CREATE TABLE ops.record_shape (
    partition date NOT NULL,
    source text NOT NULL,
    request_kind text NOT NULL,
    record_kind text NOT NULL,
    records bigint NOT NULL,
    fields jsonb NOT NULL,
    new_fields text[] NOT NULL,
    CONSTRAINT record_shape_pkey PRIMARY KEY (source, request_kind, record_kind, partition),
    CONSTRAINT record_shape_record_kind_check CHECK (record_kind IN ('track', 'album', 'artist', 'playlist', 'playlist_item', 'saved_track', 'top_track', 'play', 'response')),
    CONSTRAINT record_shape_records_check CHECK (records >= 0)
);
CREATE INDEX record_shape_partition_idx ON ops.record_shape (partition);

-- A view, so that the order in which partitions are run, repeated or replayed does not matter. `new`: the
-- contract does not describe the field. `gone`: every record of the partition before had it, no record has now.
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

GRANT SELECT, INSERT, UPDATE, DELETE ON ops.record_shape TO spotify_ingest;
GRANT SELECT ON ops.contract_drift TO spotify_ingest, spotify_reader, spotify_dbt;
