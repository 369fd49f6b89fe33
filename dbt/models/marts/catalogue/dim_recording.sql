{#
    A recording has one ISRC and often several track ids: single, album, deluxe edition, another market.
    A track without an ISRC is a recording of its own, so that every track belongs to exactly one recording.
#}
{{
    config(
        indexes=[
            {'columns': ['recording_id'], 'unique': true},
            {'columns': ['primary_artist_id']},
        ]
    )
}}

with tracks as (

    select
        *,
        coalesce(isrc, track_id) as recording_id

    from {{ ref('dim_track') }}

),

-- the release that came first names the recording; of a year or a month only its end is certain
canonical as (

    select distinct on (recording_id)
        recording_id,
        track_id as canonical_track_id,
        track_name as recording_name,
        primary_artist_id,
        primary_artist_name,
        release_date as first_released_on,
        release_date_precision as first_released_precision,
        spotify_url

    from tracks
    order by
        recording_id,
        {{ release_date_end('release_date', 'release_date_precision') }} nulls last,
        first_seen_on,
        track_id

),

grouped as (

    select
        recording_id,
        max(isrc) as isrc,
        cast(count(*) as integer) as track_count,
        cast(count(distinct album_id) as integer) as album_count,
        array_agg(track_id order by track_id) as track_ids,
        min(duration_ms) as shortest_duration_ms,
        max(duration_ms) as longest_duration_ms,
        max(popularity) as popularity,
        min(first_seen_on) as first_seen_on

    from tracks
    group by recording_id

),

final as (

    select
        grouped.recording_id,
        grouped.isrc,
        canonical.recording_name,
        canonical.canonical_track_id,
        canonical.primary_artist_id,
        canonical.primary_artist_name,
        grouped.track_ids,
        grouped.track_count,
        grouped.album_count,
        canonical.first_released_on,
        canonical.first_released_precision,
        grouped.shortest_duration_ms,
        grouped.longest_duration_ms,
        grouped.popularity,
        canonical.spotify_url,
        grouped.first_seen_on

    from grouped
    inner join canonical
        on grouped.recording_id = canonical.recording_id

)

select * from final
