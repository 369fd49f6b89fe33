{{ config(indexes=[{'columns': ['track_id', 'artist_id'], 'unique': true}, {'columns': ['artist_id']}]) }}

with tracks as (

    select * from {{ ref('stg_tracks') }}

),

credited as (

    {{ credited_artists('tracks', 'track_id') }}

),

final as (

    select
        track_id,
        artist_id,
        artist_position,
        artist_position = 1 as is_primary

    from credited

)

select * from final
