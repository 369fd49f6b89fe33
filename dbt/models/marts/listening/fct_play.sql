{#
    Hours and dates are UTC. Album, artist and length are those of the date of the play, where they are known.

    Incremental: a play is computed again when int_plays computed it, when it became or no longer is a first listen,
    and when the release date of its album changed.
#}
{{
    config(
        materialized='incremental',
        unique_key=['user_hash', 'played_at', 'track_id'],
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        indexes=[
            {'columns': ['user_hash', 'played_at', 'track_id'], 'unique': true},
            {'columns': ['played_on']},
            {'columns': ['track_id']},
            {'columns': ['primary_artist_id']},
            {'columns': ['load_seq']},
        ],
        pre_hook="{{ begin_watermark(this, ref('fct_first_listen')) }}",
        post_hook=[
            "{{ delete_vanished(this, ref('int_plays'), {'user_hash': 'user_hash', 'played_at': 'played_at', 'track_id': 'track_id'}) }}",
            "{{ end_watermark(this) }}",
        ]
    )
}}
{% set is_continued = is_incremental() and not is_anything_removed(by_erasure=true) %}
{% set seen = seen_load_seq() if is_continued %}
{% set album_age_years -%}
    cast(extract(year from plays.played_on) - extract(year from albums.release_date) as integer)
{%- endset %}
{% set album_age_days -%}
    case when albums.release_date_precision = 'day' then plays.played_on - albums.release_date end
{%- endset %}

with

{% if is_continued %}
changed as (

    select
        user_hash,
        played_at,
        track_id

    from {{ ref('int_plays') }}
    where load_seq > {{ seen }}

    union

    select
        user_hash,
        first_played_at as played_at,
        first_track_id as track_id

    from {{ ref('fct_first_listen') }}
    where load_seq > {{ seen }}

    {% for record_kind, id in [('track', 'track_id'), ('artist', 'primary_artist_id')] %}
    union

    select
        plays.user_hash,
        plays.played_at,
        plays.track_id

    from {{ ref('fct_first_listen') }} as first_listens
    inner join {{ this }} as plays
        on
            first_listens.user_hash = plays.user_hash
            and first_listens.record_id = plays.{{ id }}
            and plays.is_first_listen_of_{{ record_kind }}
    where first_listens.load_seq > {{ seen }} and first_listens.record_kind = '{{ record_kind }}'
    {% endfor %}

    union

    select
        plays.user_hash,
        plays.played_at,
        plays.track_id

    from {{ this }} as plays
    inner join {{ ref('stg_albums') }} as albums
        on plays.album_id = albums.album_id
    where
        albums.load_seq > {{ seen }}
        and (
            plays.album_age_years is distinct from {{ album_age_years }}
            or plays.album_age_days is distinct from {{ album_age_days }}
        )

),
{% endif %}

plays as (

    {% if is_continued -%}
    -- `offset 0` has the index read play by play
    select plays.*
    from changed
    cross join lateral (
        select *
        from {{ ref('int_plays') }}
        where
            user_hash = changed.user_hash
            and played_at = changed.played_at
            and track_id = changed.track_id
        offset 0
    ) as plays
    {%- else -%}
    select * from {{ ref('int_plays') }}
    {%- endif %}

),

albums as (

    select * from {{ ref('stg_albums') }}

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
        {{ album_age_years }} as album_age_years,
        {{ album_age_days }} as album_age_days,
        plays.context_type,
        plays.context_id,
        plays.played_at = first_of_track.first_played_at as is_first_listen_of_track,
        coalesce(
            plays.played_at = first_of_artist.first_played_at and plays.track_id = first_of_artist.first_track_id,
            false
        ) as is_first_listen_of_artist,
        greatest(
            {{ noted_load_seq() }},
            plays.load_seq,
            albums.load_seq,
            first_of_track.load_seq,
            first_of_artist.load_seq
        ) as load_seq

    from plays
    left join albums
        on plays.album_id = albums.album_id
    left join {{ ref('fct_first_listen') }} as first_of_track
        on
            first_of_track.record_kind = 'track'
            and plays.user_hash = first_of_track.user_hash
            and plays.track_id = first_of_track.record_id
    left join {{ ref('fct_first_listen') }} as first_of_artist
        on
            first_of_artist.record_kind = 'artist'
            and plays.user_hash = first_of_artist.user_hash
            and plays.primary_artist_id = first_of_artist.record_id

)

select * from final
