-- when the tables of this publication became those of schema marts
ALTER TABLE ops.publication ADD COLUMN switched_at timestamptz;

-- the Airflow task whose dbt gave the result
ALTER TABLE ops.dbt_result ADD COLUMN task_id text;

-- The newest publication, whose tables stay those of schema marts until the caller's transaction ends: a publication
-- waits for this lock. For transactions of several statements that have to agree, at READ COMMITTED.
CREATE FUNCTION ops.pin_publication() RETURNS SETOF ops.publication
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(91604393394182);
    RETURN QUERY SELECT * FROM ops.publication ORDER BY published_at DESC, partition DESC LIMIT 1;
END
$$;
REVOKE ALL ON FUNCTION ops.pin_publication() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ops.pin_publication() TO spotify_reader, spotify_ingest;
