{{ config(indexes=[{'columns': ['track_id', 'artist_id'], 'unique': true}, {'columns': ['artist_id']}]) }}

with track_artists as (

    select * from {{ ref('int_track_artists') }}

),

final as (

    select
        track_id,
        artist_id,
        artist_position,
        artist_position = 1 as is_primary

    from track_artists

)

select * from final
