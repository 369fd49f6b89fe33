{#
    When a user first played a track or an artist, as far as the pipeline knows: Spotify keeps about 50 plays.
    It stays when retention removes the play.
#}
{{
    config(
        indexes=[
            {'columns': ['user_hash', 'record_kind', 'record_id'], 'unique': true},
            {'columns': ['first_played_on']},
        ]
    )
}}

with plays as (

    select * from {{ ref('int_plays') }}

),

heard as (

    select
        user_hash,
        'track' as record_kind,
        track_id as record_id,
        played_at,
        track_id

    from plays

    union all

    select
        user_hash,
        'artist' as record_kind,
        primary_artist_id as record_id,
        played_at,
        track_id

    from plays
    where primary_artist_id is not null

    {% if is_built_before() %}
        union all

        select
            user_hash,
            record_kind,
            record_id,
            first_played_at as played_at,
            first_track_id as track_id

        from {{ this }}
        where first_played_on < {{ plays_retained_from() }}
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
        user_hash,
        record_kind,
        record_id,
        first_played_at,
        cast(first_played_at at time zone 'UTC' as date) as first_played_on,
        first_track_id

    from first_plays

)

select * from final
