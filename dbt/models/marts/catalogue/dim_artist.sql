{{ config(indexes=[{'columns': ['artist_id'], 'unique': true}, {'columns': ['artist_name']}]) }}

with artists as (

    select * from {{ ref('stg_artists') }}

),

albums as (

    select * from {{ ref('stg_albums') }}

),

album_credits as (

    {{ credited_artists('albums', 'album_id') }}

),

albums_per_artist as (

    select
        artist_id,
        cast(count(*) as integer) as album_count

    from album_credits
    group by artist_id

),

tracks_per_artist as (

    select
        artist_id,
        cast(count(*) as integer) as track_count

    from {{ ref('bridge_track_artist') }}
    group by artist_id

),

listings as (

    {{ listings('artist') }}

),

final as (

    select
        artists.artist_id,
        artists.artist_name,
        artists.genres,
        artists.primary_genre,
        artists.image_url,
        {{ spotify_url('artist', 'artists.artist_id') }} as spotify_url,
        artists.popularity,
        artists.followers,
        coalesce(albums_per_artist.album_count, 0) as album_count,
        coalesce(tracks_per_artist.track_count, 0) as track_count,
        artists.first_seen_on,
        artists.last_seen_on,
        listings.first_listed_on,
        listings.left_on,
        coalesce(listings.is_active, false) as is_active

    from artists
    left join albums_per_artist
        on artists.artist_id = albums_per_artist.artist_id
    left join tracks_per_artist
        on artists.artist_id = tracks_per_artist.artist_id
    left join listings
        on artists.artist_id = listings.record_id

)

select * from final
