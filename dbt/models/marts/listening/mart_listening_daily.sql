{# The counts of a day stay when retention removes its plays. #}
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
        count(*) filter (where duration_ms is null) as plays_of_unknown_length,
        count(distinct track_id) as tracks,
        count(distinct primary_artist_id) as artists,
        count(*) filter (where is_first_listen_of_track) as new_tracks,
        count(*) filter (where is_first_listen_of_artist) as new_artists

    from plays
    group by user_hash, played_on

    {% if is_built_before() %}
        union all

        select
            user_hash,
            played_on,
            plays,
            listened_ms,
            plays_of_unknown_length,
            tracks,
            artists,
            new_tracks,
            new_artists

        from {{ this }}
        where
            played_on < {{ plays_retained_from() }}
            and not exists (
                select 1 from plays
                where plays.user_hash = {{ this }}.user_hash and plays.played_on = {{ this }}.played_on
            )
    {% endif %}

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
        plays_of_unknown_length,
        tracks,
        artists,
        new_tracks,
        new_artists,
        min(played_on) over (partition by user_hash, streak) as streak_started_on,
        cast(row_number() over (partition by user_hash, streak order by played_on) as integer) as streak_day

    from streaks

)

select * from final
