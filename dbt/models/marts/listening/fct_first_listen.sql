{#
    When a user first played a track or an artist, as far as the pipeline knows: Spotify keeps about 50 plays.
    It stays when retention removes the play.

    Incremental: tracks and artists of plays that are new or computed again are looked up anew, and an artist whose
    first play turned out to be one of another artist. Only what changed is written.
#}
{{
    config(
        materialized='incremental',
        unique_key=['user_hash', 'record_kind', 'record_id'],
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        indexes=[
            {'columns': ['user_hash', 'record_kind', 'record_id'], 'unique': true},
            {'columns': ['first_played_on']},
            {'columns': ['load_seq']},
        ],
        pre_hook="{{ begin_watermark(this, ref('int_plays')) }}",
        post_hook=["{{ delete_first_listens_without_play(this) }}", "{{ end_watermark(this) }}"]
    )
}}
{% set is_continued = is_incremental() and not is_anything_removed(by_erasure=true) %}
{% set seen = seen_load_seq() if is_continued %}

with

{% if is_continued %}
changed as (

    select
        user_hash,
        'track' as record_kind,
        track_id as record_id

    from {{ ref('int_plays') }}
    where load_seq > {{ seen }}

    union

    select
        user_hash,
        'artist' as record_kind,
        primary_artist_id as record_id

    from {{ ref('int_plays') }}
    where load_seq > {{ seen }} and primary_artist_id is not null

    union

    select
        known.user_hash,
        known.record_kind,
        known.record_id

    from {{ this }} as known
    inner join {{ ref('int_plays') }} as plays
        on
            known.user_hash = plays.user_hash
            and known.first_played_on = plays.played_on
            and known.first_played_at = plays.played_at
            and known.first_track_id = plays.track_id
    where known.record_kind = 'artist' and plays.load_seq > {{ seen }}

),
{% endif %}

heard as (

    {% for record_kind, id in [('track', 'track_id'), ('artist', 'primary_artist_id')] %}
    {% if is_continued %}
    select
        changed.user_hash,
        changed.record_kind,
        changed.record_id,
        first_play.played_at,
        first_play.track_id

    from changed
    cross join lateral (
        select
            played_at,
            track_id
        from {{ ref('int_plays') }}
        where user_hash = changed.user_hash and {{ id }} = changed.record_id
        order by played_at, track_id
        limit 1
    ) as first_play
    where changed.record_kind = '{{ record_kind }}'
    {% else %}
    select
        user_hash,
        '{{ record_kind }}' as record_kind,
        {{ id }} as record_id,
        played_at,
        track_id

    from {{ ref('int_plays') }}
    where {{ id }} is not null
    {% endif %}
    {{ 'union all' if not loop.last }}
    {% endfor %}

    {% if is_built_before() %}
        union all

        select
            user_hash,
            record_kind,
            record_id,
            first_played_at as played_at,
            first_track_id as track_id

        from {{ this }} as known
        where
            known.first_played_on < {{ plays_retained_from() }}
            {% if is_continued %}
            and (known.user_hash, known.record_kind, known.record_id) in (
                select changed.user_hash, changed.record_kind, changed.record_id from changed
            )
            {% endif %}
    {% endif %}

),

first_plays as (

    select distinct on (user_hash, record_kind, record_id)
        user_hash,
        record_kind,
        record_id,
        played_at as first_played_at,
        track_id as first_track_id

    from heard
    order by user_hash, record_kind, record_id, played_at, track_id

),

final as (

    select
        first_plays.user_hash,
        first_plays.record_kind,
        first_plays.record_id,
        first_plays.first_played_at,
        cast(first_plays.first_played_at at time zone 'UTC' as date) as first_played_on,
        first_plays.first_track_id,
        greatest({{ noted_load_seq() }}, (select max(plays.load_seq) from {{ ref('int_plays') }} as plays)) as load_seq

    from first_plays
    {% if is_continued %}
    left join {{ this }} as known
        on
            first_plays.user_hash = known.user_hash
            and first_plays.record_kind = known.record_kind
            and first_plays.record_id = known.record_id
    where (first_plays.first_played_at, first_plays.first_track_id)
        is distinct from (known.first_played_at, known.first_track_id)
    {% endif %}

)

select * from final
