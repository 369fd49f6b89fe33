{#
    A source lists a record from the first reading with it to the first complete reading without it. A reading that
    was cut short proves presence, never absence. An artist's or album's source does not read unchanged albums
    again, so the listing of an album stands for its tracks.
#}
{{
    config(
        indexes=[
            {'columns': ['source', 'record_kind', 'record_id'], 'unique': true},
            {'columns': ['record_kind', 'record_id']},
            {'columns': ['left_on']},
        ]
    )
}}

with source_records as (

    select * from {{ ref('stg_source_records') }}

),

sources as (

    select * from {{ ref('stg_sources') }}

),

tracks as (

    select * from {{ ref('stg_tracks') }}

),

complete_reads as (

    select
        source,
        "partition" as read_on

    from {{ ref('fct_source_daily') }}
    group by source, "partition"
    having bool_and(is_complete)

),

album_listings as (

    select
        source_records.source_name,
        source_records.record_id as album_id,
        source_records.last_seen_on

    from source_records
    inner join sources
        on source_records.source_name = sources.source_name
    where
        source_records.record_kind = 'album'
        and sources.source_kind in ('artist', 'album')

),

listed as (

    select
        source_records.source_name,
        source_records.record_kind,
        source_records.record_id,
        sources.is_active as is_source_active,
        source_records.first_seen_on,
        greatest(source_records.last_seen_on, album_listings.last_seen_on) as last_seen_on

    from source_records
    inner join sources
        on source_records.source_name = sources.source_name
    left join tracks
        on
            source_records.record_kind = 'track'
            and source_records.record_id = tracks.track_id
    left join album_listings
        on
            source_records.source_name = album_listings.source_name
            and tracks.album_id = album_listings.album_id

),

-- few pairs of source and date: the first complete reading after each
next_reads as (

    select
        seen.source_name,
        seen.last_seen_on,
        min(complete_reads.read_on) as left_on

    from (select distinct source_name, last_seen_on from listed) as seen
    inner join complete_reads
        on
            seen.source_name = complete_reads.source
            and seen.last_seen_on < complete_reads.read_on
    group by seen.source_name, seen.last_seen_on

),

final as (

    select
        listed.source_name as source,
        listed.record_kind,
        listed.record_id,
        listed.first_seen_on as first_listed_on,
        listed.last_seen_on as last_listed_on,
        next_reads.left_on,
        next_reads.left_on is null and listed.is_source_active as is_listed

    from listed
    left join next_reads
        on
            listed.source_name = next_reads.source_name
            and listed.last_seen_on = next_reads.last_seen_on

)

select * from final
