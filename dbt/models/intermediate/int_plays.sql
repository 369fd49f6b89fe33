{#
    Plays with the track as it was observed on the date of the play: the newest observation up to then, else the first
    after it, else what is known now. What an observation said that retention has removed is kept from the last build.

    Incremental: a play is computed again when it is new, and when an observation came or changed that is closer to
    it than the one that it has. This schema does not trade names with another when marts are published, and the
    watermarks do: one that lags has plays computed again, with the same result.
#}
{{
    config(
        materialized='incremental',
        unique_key=['user_hash', 'played_at', 'track_id'],
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        indexes=[
            {'columns': ['user_hash', 'played_at', 'track_id'], 'unique': true},
            {'columns': ['track_id', 'user_hash', 'played_at']},
            {'columns': ['primary_artist_id', 'user_hash', 'played_at']},
            {'columns': ['load_seq']},
        ],
        pre_hook="{{ begin_watermark(this) }}",
        post_hook=[
            "{{ delete_vanished(this, ref('stg_plays'), {'user_hash': 'user_hash', 'played_at': 'played_at', 'track_id': 'track_id'}) }}",
            "{{ end_watermark(this) }}",
        ]
    )
}}
{% set is_continued = is_incremental() and not is_anything_removed(by_erasure=true) %}
{% set seen = seen_load_seq() if is_continued %}

with

{% if is_continued %}
changed as (

    select
        user_hash,
        played_at,
        track_id

    from {{ ref('stg_plays') }}
    where load_seq > {{ seen }}

    union

    select
        known.user_hash,
        known.played_at,
        known.track_id

    from {{ this }} as known
    inner join {{ ref('stg_track_observations') }} as observations
        on known.track_id = observations.track_id
    where
        observations.load_seq > {{ seen }}
        and (
            known.track_observed_on is null
            or observations.observed_on = known.track_observed_on
            or (
                observations.observed_on <= known.played_on
                and (known.track_observed_on > known.played_on or observations.observed_on > known.track_observed_on)
            )
            or (
                observations.observed_on > known.played_on
                and known.track_observed_on > known.played_on
                and observations.observed_on < known.track_observed_on
            )
        )

    union

    select
        known.user_hash,
        known.played_at,
        known.track_id

    from {{ this }} as known
    inner join {{ ref('stg_tracks') }} as tracks
        on known.track_id = tracks.track_id
    where tracks.load_seq > {{ seen }} and known.track_observed_on is null

),
{% endif %}

plays as (

    {% if is_continued -%}
    -- `offset 0` has the index read play by play
    select plays.*
    from changed
    cross join lateral (
        select *
        from {{ ref('stg_plays') }}
        where
            user_hash = changed.user_hash
            and played_at = changed.played_at
            and track_id = changed.track_id
        offset 0
    ) as plays
    {%- else -%}
    select * from {{ ref('stg_plays') }}
    {%- endif %}

),

tracks as (

    select * from {{ ref('stg_tracks') }}

),

joined as (

    select
        plays.user_hash,
        plays.played_at,
        plays.track_id,
        plays.played_on,
        plays.played_hour,
        plays.context_type,
        plays.context_id,
        observed.observed_on as track_observed_on,
        coalesce(observed.album_id, tracks.album_id) as album_id,
        coalesce(observed.primary_artist_id, tracks.primary_artist_id) as primary_artist_id,
        coalesce(observed.duration_ms, tracks.duration_ms) as duration_ms,
        greatest({{ noted_load_seq() }}, plays.load_seq, tracks.load_seq, observed.load_seq) as load_seq

    from plays
    left join tracks
        on plays.track_id = tracks.track_id
    left join lateral (
        (
            select
                observations.observed_on,
                observations.album_id,
                observations.primary_artist_id,
                observations.duration_ms,
                observations.load_seq
            from {{ ref('stg_track_observations') }} as observations
            where
                observations.track_id = plays.track_id
                and observations.observed_on <= plays.played_on
            order by observations.observed_on desc
            limit 1
        )
        union all
        (
            select
                observations.observed_on,
                observations.album_id,
                observations.primary_artist_id,
                observations.duration_ms,
                observations.load_seq
            from {{ ref('stg_track_observations') }} as observations
            where
                observations.track_id = plays.track_id
                and observations.observed_on > plays.played_on
            order by observations.observed_on
            limit 1
        )
        limit 1
    ) as observed
        on true

),

final as (

    select
        joined.user_hash,
        joined.played_at,
        joined.track_id,
        joined.played_on,
        joined.played_hour,
        joined.context_type,
        joined.context_id,
        {% if is_built_before() -%}
        -- an observation of before the play, which is gone, beats a later one
        {% for column in ['track_observed_on', 'album_id', 'primary_artist_id', 'duration_ms'] -%}
        case
            when kept.track_id is not null and not coalesce(joined.track_observed_on <= joined.played_on, false)
                then kept.{{ column }}
            else joined.{{ column }}
        end as {{ column }},
        {% endfor %}
        {%- else -%}
        joined.track_observed_on,
        joined.album_id,
        joined.primary_artist_id,
        joined.duration_ms,
        {%- endif %}
        joined.load_seq

    from joined
    {% if is_built_before() -%}
    left join lateral (
        select *
        from {{ this }}
        where
            user_hash = joined.user_hash
            and played_at = joined.played_at
            and track_id = joined.track_id
            and track_observed_on < {{ history_retained_from() }}
        offset 0
    ) as kept
        on true
    {%- endif %}

)

select * from final
