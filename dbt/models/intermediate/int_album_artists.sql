{{ config(indexes=[{'columns': ['album_id', 'artist_id'], 'unique': true}, {'columns': ['artist_id']}]) }}

with albums as (

    select * from {{ ref('stg_albums') }}

),

credited as (

    {{ credited_artists('albums', 'album_id') }}

)

select * from credited
