"""Statements that each role of the warehouse may and may not run."""

from __future__ import annotations

from spotify_pipeline.warehouse import roles

FORBIDDEN = {
    roles.OWNER: [
        "CREATE TABLE marts.t (a int)",
        "CREATE TABLE public.t (a int)",
        "CREATE ROLE other",
    ],
    roles.INGEST: [
        "DELETE FROM staging.tracks",
        "DELETE FROM staging.plays",
        "TRUNCATE staging.tracks",
        "DROP TABLE staging.tracks",
        "ALTER TABLE staging.tracks ADD COLUMN a int",
        "CREATE TABLE staging.t (a int)",
        "UPDATE ops.load SET inserted = 0",
        "DELETE FROM ops.load",
        "INSERT INTO ops.dbt_result (unique_id, resource_type, status) VALUES ('a', 'b', 'c')",
        "UPDATE ops.alembic_version SET version_num = '9'",
        "SELECT setval('ops.load_seq_seq', 1)",
        "CREATE TABLE marts.t (a int)",
        "SELECT * FROM marts.probe",
    ],
    roles.DBT: [
        "INSERT INTO staging.artists (artist_id) VALUES ('a')",
        "UPDATE staging.tracks SET name = ''",
        "DELETE FROM staging.tracks",
        "CREATE TABLE staging.t (a int)",
        "SELECT * FROM ops.step_lease",
        "SELECT * FROM ops.quarantined_record",
        "SELECT * FROM ops.api_cooldown",
        "SELECT * FROM ops.play_cursor",
        'SELECT * FROM ops."user"',
        "SELECT * FROM ops.dbt_result",
        "INSERT INTO ops.publication VALUES ('2026-11-05', now(), 'r', 1, 1)",
        "SELECT nextval('ops.load_seq_seq')",
        "SELECT ops.switch_marts()",
        "ALTER SCHEMA marts RENAME TO other",
    ],
    roles.READER: [
        "SELECT * FROM staging.tracks",
        "SELECT * FROM staging.plays",
        "SELECT * FROM staging.saved_tracks",
        "SELECT * FROM staging.playlist_membership",
        "SELECT * FROM ops.play_gap",
        "SELECT * FROM intermediate.probe",
        "SELECT * FROM marts_build.probe",
        "SELECT ops.switch_marts()",
        "SELECT * FROM ops.step_lease",
        "SELECT * FROM ops.api_cooldown",
        "SELECT * FROM ops.quarantined_record",
        "SELECT * FROM ops.record_shape",
        "UPDATE marts.probe SET a = 1",
        "INSERT INTO ops.publication VALUES ('2026-11-05', now(), 'r', 1, 1)",
        "CREATE TEMPORARY TABLE t (a int)",
    ],
}
ALLOWED = {
    roles.OWNER: ["DELETE FROM staging.tracks", "ALTER TABLE staging.tracks ADD COLUMN a int"],
    roles.INGEST: [
        "SELECT * FROM staging.tracks",
        "SELECT * FROM ops.dbt_result",
        "SELECT nextval('ops.load_seq_seq')",
        # a playlist may be shorter when it is read again
        "DELETE FROM staging.playlist_membership",
        "INSERT INTO ops.play_cursor VALUES ('0123456789abcdef', 1, now())",
        "SELECT ops.switch_marts()",
    ],
    roles.DBT: [
        "SELECT * FROM staging.plays, staging.saved_tracks, staging.top_tracks, staging.list_reads",
        "SELECT * FROM staging.source_records, ops.load, ops.reconciliation, ops.source",
        "INSERT INTO ops.dbt_result (unique_id, resource_type, status) VALUES ('a', 'b', 'c')",
        "CREATE TABLE dbt_audit.t (a int)",
        "CREATE VIEW dbt_staging.t AS SELECT * FROM staging.tracks",
        "DROP TABLE marts.probe",
        "CREATE TEMPORARY TABLE t (a int)",
    ],
    roles.READER: [
        "SELECT * FROM marts.probe",
        "SELECT * FROM ops.publication, ops.load, ops.reconciliation, ops.source, ops.dbt_result",
        "SELECT * FROM ops.alert",
        "SELECT * FROM ops.contract_drift",
        "SELECT * FROM ops.listening_gap",
        "SELECT * FROM ops.pin_publication()",
    ],
}
