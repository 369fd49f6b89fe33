{#
    Hours and dates are UTC. Album, artist and length are those of the date of the play, where they are known.
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

    select * from {{ ref('int_plays') }}

),

albums as (

    select * from {{ ref('dim_album') }}

),

first_listens as (

    select * from {{ ref('fct_first_listen') }}

),

final as (

    select
        plays.user_hash,
        plays.played_at,
        plays.track_id,
        plays.played_on,
        plays.played_hour,
        plays.album_id,
        plays.primary_artist_id,
        plays.duration_ms,
        cast(extract(year from plays.played_on) as integer) - albums.release_year as album_age_years,
        case
            when albums.release_date_precision = 'day' then plays.played_on - albums.release_date
        end as album_age_days,
        plays.context_type,
        plays.context_id,
        plays.played_at = first_of_track.first_played_at as is_first_listen_of_track,
        coalesce(
            plays.played_at = first_of_artist.first_played_at and plays.track_id = first_of_artist.first_track_id,
            false
        ) as is_first_listen_of_artist

    from plays
    left join albums
        on plays.album_id = albums.album_id
    left join first_listens as first_of_track
        on
            first_of_track.record_kind = 'track'
            and plays.user_hash = first_of_track.user_hash
            and plays.track_id = first_of_track.record_id
    left join first_listens as first_of_artist
        on
            first_of_artist.record_kind = 'artist'
            and plays.user_hash = first_of_artist.user_hash
            and plays.primary_artist_id = first_of_artist.record_id

)

select * from final
