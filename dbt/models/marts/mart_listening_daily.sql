{{ config(indexes=[{'columns': ['user_hash', 'played_on'], 'unique': true}, {'columns': ['played_on']}]) }}

with plays as (

    select * from {{ ref('fct_play') }}

),

daily as (

    select
        user_hash,
        played_on,
        count(*) as plays,
        cast(coalesce(sum(duration_ms), 0) as bigint) as listened_ms,
        count(distinct track_id) as tracks,
        count(distinct primary_artist_id) as artists,
        count(*) filter (where is_first_listen_of_track) as new_tracks,
        count(*) filter (where is_first_listen_of_artist) as new_artists

    from plays
    group by user_hash, played_on

),

-- a day minus its number in the streak is the same date for all days of a streak
streaks as (

    select
        *,
        played_on - cast(row_number() over (partition by user_hash order by played_on) as integer) as streak

    from daily

),

final as (

    select
        user_hash,
        played_on,
        plays,
        listened_ms,
        tracks,
        artists,
        new_tracks,
        new_artists,
        min(played_on) over (partition by user_hash, streak) as streak_started_on,
        cast(row_number() over (partition by user_hash, streak order by played_on) as integer) as streak_day

    from streaks

)

select * from final
