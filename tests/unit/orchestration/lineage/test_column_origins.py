"""Origins of columns, on queries in the shapes that our models have."""

from __future__ import annotations

from spotify_pipeline.orchestration.lineage.column_origins import Column, Relation, column_origins

TRACKS = Relation("warehouse", "dbt_staging", "stg_tracks")
ALBUMS = Relation("warehouse", "dbt_staging", "stg_albums")
KNOWN = {TRACKS: ["track_id", "album_id", "duration_ms"], ALBUMS: ["album_id", "album_name"]}


def origins(sql: str) -> dict[str, list[str]]:
    found = column_origins(sql, KNOWN)
    return {name: [f"{c.relation.name}.{c.name}" for c in columns] for name, columns in found.items()}


def test_stars_joins_and_expressions_lead_to_the_columns_of_the_tables() -> None:
    sql = """
        with tracks as (select * from "warehouse"."dbt_staging"."stg_tracks"),
        albums as (select * from "warehouse"."dbt_staging"."stg_albums"),
        final as (
            select tracks.track_id, albums.album_name, tracks.duration_ms / 1000 as seconds,
                   coalesce(albums.album_name, tracks.track_id) as label
            from tracks left join albums on tracks.album_id = albums.album_id
        )
        select * from final
    """
    assert origins(sql) == {
        "track_id": ["stg_tracks.track_id"],
        "album_name": ["stg_albums.album_name"],
        "seconds": ["stg_tracks.duration_ms"],
        "label": ["stg_albums.album_name", "stg_tracks.track_id"],
    }


def test_a_column_made_of_nothing_has_no_origin() -> None:
    sql = 'select album_id, count(*) as tracks from "warehouse"."dbt_staging"."stg_tracks" group by album_id'
    assert origins(sql) == {"album_id": ["stg_tracks.album_id"], "tracks": []}


def test_database_and_schema_are_part_of_an_origin() -> None:
    found = column_origins('select track_id from "warehouse"."dbt_staging"."stg_tracks"', KNOWN)
    assert found == {"track_id": [Column(TRACKS, "track_id")]}


def test_both_halves_of_a_union_count() -> None:
    sql = """
        select track_id as record_id from "warehouse"."dbt_staging"."stg_tracks"
        union all select album_id from "warehouse"."dbt_staging"."stg_albums"
    """
    assert origins(sql) == {"record_id": ["stg_albums.album_id", "stg_tracks.track_id"]}


def test_what_cannot_be_read_says_nothing() -> None:
    assert column_origins("select from where )", KNOWN) == {}
    assert column_origins("vacuum analyze", KNOWN) == {}
