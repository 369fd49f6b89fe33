{#
    Hours and dates are UTC. The first listen is the first that the pipeline knows of: Spotify keeps about 50 plays.
#}
{{
    config(
        indexes=[
            {'columns': ['user_hash', 'played_at', 'track_id'], 'unique': true},
            {'columns': ['played_on']},
            {'columns': ['track_id']},
            {'columns': ['primary_artist_id']},
        ]
    )
}}

with plays as (

    select * from {{ ref('stg_plays') }}

),

tracks as (

    select * from {{ ref('dim_track') }}

),

albums as (

    select * from {{ ref('dim_album') }}

),

joined as (

    select
        plays.user_hash,
        plays.played_at,
        plays.track_id,
        plays.played_on,
        plays.played_hour,
        tracks.album_id,
        tracks.primary_artist_id,
        tracks.duration_ms,
        cast(extract(year from plays.played_on) as integer) - albums.release_year as album_age_years,
        case
            when albums.release_date_precision = 'day' then plays.played_on - albums.release_date
        end as album_age_days,
        plays.context_type,
        plays.context_id

    from plays
    left join tracks
        on plays.track_id = tracks.track_id
    left join albums
        on tracks.album_id = albums.album_id

),

final as (

    select
        *,
        row_number() over (
            partition by user_hash, track_id
            order by played_at
        ) = 1 as is_first_listen_of_track,
        primary_artist_id is not null and row_number() over (
            partition by user_hash, primary_artist_id
            order by played_at, track_id
        ) = 1 as is_first_listen_of_artist

    from joined

)

select * from final
