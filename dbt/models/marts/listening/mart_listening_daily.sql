{#
    The counts of a day stay when retention removes its plays. Incremental: days with a play that fct_play computed
    are counted again, and the streaks of their users.
#}
{{
    config(
        materialized='incremental',
        unique_key=['user_hash', 'played_on'],
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        indexes=[{'columns': ['user_hash', 'played_on'], 'unique': true}, {'columns': ['played_on']}],
        pre_hook="{{ begin_watermark(this, ref('fct_play')) }}",
        post_hook=[
            "{{ delete_vanished(this, ref('fct_play'), {'user_hash': 'user_hash', 'played_on': 'played_on'}, 'played_on < ' ~ plays_retained_from()) }}",
            "{{ end_watermark(this) }}",
        ]
    )
}}
{% set is_continued = is_incremental() and not is_anything_removed(by_erasure=true) %}
{% set seen = seen_load_seq() if is_continued %}

with

{% if is_continued %}
changed as (

    select distinct
        user_hash,
        played_on

    from {{ ref('fct_play') }}
    where load_seq > {{ seen }}

),
{% endif %}

daily as (

    select
        plays.user_hash,
        plays.played_on,
        count(*) as plays,
        cast(coalesce(sum(plays.duration_ms), 0) as bigint) as listened_ms,
        count(*) filter (where plays.duration_ms is null) as plays_of_unknown_length,
        count(distinct plays.track_id) as tracks,
        count(distinct plays.primary_artist_id) as artists,
        count(*) filter (where plays.is_first_listen_of_track) as new_tracks,
        count(*) filter (where plays.is_first_listen_of_artist) as new_artists

    from {{ ref('fct_play') }} as plays
    {% if is_continued %}
    inner join changed
        on
            plays.user_hash = changed.user_hash
            and plays.played_on = changed.played_on
    {% endif %}
    group by plays.user_hash, plays.played_on

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

        from {{ this }} as known
        where
            {% if is_continued %}
            known.user_hash in (select changed.user_hash from changed)
            and (known.user_hash, known.played_on) not in (select changed.user_hash, changed.played_on from changed)
            {% else %}
            known.played_on < {{ plays_retained_from() }}
            and not exists (
                select 1
                from {{ ref('fct_play') }} as plays
                where plays.user_hash = known.user_hash and plays.played_on = known.played_on
            )
            {% endif %}
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
