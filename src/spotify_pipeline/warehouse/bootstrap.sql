-- Roles, schemas and what each role may do with them. Run by an administrator inside the warehouse database, any number
-- of times: `spotify-pipeline warehouse bootstrap`, or bootstrap.sh through psql. The administrator is a superuser or, on a
-- managed Postgres, a role with CREATEROLE that owns the database and has created the roles.
-- The four :'…_password' variables are psql's; Python fills the same places with SCRAM verifiers.

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY[
        'spotify_owner', 'spotify_ingest', 'spotify_dbt', 'spotify_reader', 'spotify_publisher'
    ] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- from an earlier run, or created by one that runs at the same time
        END;
    END LOOP;
END
$$;

ALTER ROLE spotify_owner LOGIN PASSWORD :'spotify_owner_password';
ALTER ROLE spotify_ingest LOGIN PASSWORD :'spotify_ingest_password';
ALTER ROLE spotify_dbt LOGIN PASSWORD :'spotify_dbt_password';
ALTER ROLE spotify_reader LOGIN PASSWORD :'spotify_reader_password';
-- no login: only owns ops.switch_marts, which needs what no login should have
ALTER ROLE spotify_publisher NOLOGIN;

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY[
        'spotify_owner', 'spotify_ingest', 'spotify_dbt', 'spotify_reader', 'spotify_publisher'
    ] LOOP
        IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
            EXECUTE format('ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', wanted);
        ELSE
            -- managed Postgres: who may create roles can work as one only after becoming a member. Until the end
            EXECUTE format('ALTER ROLE %I NOCREATEDB NOCREATEROLE', wanted);
            EXECUTE format('GRANT %I TO %I', wanted, current_user);
        END IF;
    END LOOP;
END
$$;
GRANT spotify_dbt TO spotify_publisher;

DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT, CREATE ON DATABASE %I TO spotify_owner', current_database());
    -- both stage rows in temporary tables
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO spotify_ingest, spotify_dbt', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO spotify_reader', current_database());
    -- renaming a schema needs this
    EXECUTE format('GRANT CREATE ON DATABASE %I TO spotify_publisher', current_database());
    EXECUTE format('ALTER DATABASE %I SET timezone TO ''UTC''', current_database());
    -- what psql lists with \d, and what a query finds without a schema's name
    EXECUTE format('ALTER ROLE spotify_reader IN DATABASE %I SET search_path = marts, ops', current_database());
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

CREATE SCHEMA IF NOT EXISTS staging;
CREATE SCHEMA IF NOT EXISTS ops;
CREATE SCHEMA IF NOT EXISTS dbt_staging;
CREATE SCHEMA IF NOT EXISTS intermediate;
CREATE SCHEMA IF NOT EXISTS marts;
CREATE SCHEMA IF NOT EXISTS marts_build;
CREATE SCHEMA IF NOT EXISTS dbt_audit;
ALTER SCHEMA staging OWNER TO spotify_owner;
ALTER SCHEMA ops OWNER TO spotify_owner;
ALTER SCHEMA dbt_staging OWNER TO spotify_dbt;
ALTER SCHEMA intermediate OWNER TO spotify_dbt;
ALTER SCHEMA marts OWNER TO spotify_dbt;
ALTER SCHEMA marts_build OWNER TO spotify_dbt;
ALTER SCHEMA dbt_audit OWNER TO spotify_dbt;

GRANT USAGE ON SCHEMA staging, ops TO spotify_ingest, spotify_dbt;
GRANT USAGE ON SCHEMA ops, marts TO spotify_reader;
-- dbt drops and creates its tables again, so readers get their rights by default and not table by table. The two
-- schemas of marts trade names, and default privileges stay with a schema when it is renamed: so both have them.
-- Readers cannot enter the one that is being built.
ALTER DEFAULT PRIVILEGES FOR ROLE spotify_dbt IN SCHEMA marts GRANT SELECT ON TABLES TO spotify_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE spotify_dbt IN SCHEMA marts_build GRANT SELECT ON TABLES TO spotify_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA marts, marts_build TO spotify_reader;
REVOKE USAGE ON SCHEMA marts_build FROM spotify_reader;

-- Makes the schema that dbt has built the one that people read. Every role that may enter the old one may enter the
-- new one afterwards, and the retired one no more. spotify_ingest calls it, in the transaction of ops.publication.
CREATE OR REPLACE FUNCTION ops.switch_marts() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    reader text;
BEGIN
    -- all tests have passed on these tables: from the next build on they look at the rows that it adds
    IF EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = to_regclass('marts_build.mart_model_watermark') AND attname = 'tested_load_seq'
    ) THEN
        EXECUTE 'UPDATE marts_build.mart_model_watermark SET tested_load_seq = load_seq';
    END IF;
    ALTER SCHEMA marts RENAME TO marts_retired;
    ALTER SCHEMA marts_build RENAME TO marts;
    ALTER SCHEMA marts_retired RENAME TO marts_build;
    FOR reader IN
        SELECT CASE entry.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(entry.grantee)) END
        FROM pg_namespace AS retired CROSS JOIN aclexplode(retired.nspacl) AS entry
        WHERE retired.nspname = 'marts_build' AND entry.privilege_type = 'USAGE' AND entry.grantee <> retired.nspowner
    LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA marts TO %s', reader);
        EXECUTE format('REVOKE USAGE ON SCHEMA marts_build FROM %s', reader);
    END LOOP;
END
$$;
-- a new owner must be allowed to create in the schema, when no superuser appoints it
GRANT USAGE, CREATE ON SCHEMA ops TO spotify_publisher;
ALTER FUNCTION ops.switch_marts() OWNER TO spotify_publisher;
REVOKE USAGE, CREATE ON SCHEMA ops FROM spotify_publisher;
REVOKE ALL ON FUNCTION ops.switch_marts() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ops.switch_marts() TO spotify_ingest;

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY[
        'spotify_owner', 'spotify_ingest', 'spotify_dbt', 'spotify_reader', 'spotify_publisher'
    ] LOOP
        IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
            EXECUTE format('REVOKE %I FROM %I', wanted, current_user);
        END IF;
    END LOOP;
END
$$;
