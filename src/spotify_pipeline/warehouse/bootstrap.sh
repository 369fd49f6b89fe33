#!/bin/sh
# Makes the warehouse's roles and schemas with psql, for a Postgres image's /docker-entrypoint-initdb.d.
# Reads POSTGRES_USER and POSTGRES_DB, one password per role, and BOOTSTRAP_SQL, where bootstrap.sql is mounted
# (outside of docker-entrypoint-initdb.d, or the image would run it without the passwords).
set -eu
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --single-transaction \
    --username "$POSTGRES_USER" --dbname "${POSTGRES_DB:-warehouse}" \
    --set spotify_owner_password="${SPOTIFY_OWNER_PASSWORD:?}" \
    --set spotify_ingest_password="${SPOTIFY_INGEST_PASSWORD:?}" \
    --set spotify_dbt_password="${SPOTIFY_DBT_PASSWORD:?}" \
    --set spotify_reader_password="${SPOTIFY_READER_PASSWORD:?}" \
    --file "${BOOTSTRAP_SQL:-/etc/spotify-warehouse/bootstrap.sql}"
