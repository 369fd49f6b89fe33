{{
    config(
        indexes=[
            {'columns': ['album_id'], 'unique': true},
            {'columns': ['primary_artist_id']},
            {'columns': ['release_date']},
        ]
    )
}}

with albums as (

    select * from {{ ref('stg_albums') }}

),

artists as (

    select * from {{ ref('stg_artists') }}

),

tracks_per_album as (

    select
        album_id,
        cast(count(*) as integer) as known_track_count

    from {{ ref('stg_tracks') }}
    where album_id is not null
    group by album_id

),

listings as (

    {{ listings('album') }}

),

final as (

    select
        albums.album_id,
        albums.album_name,
        albums.album_type,
        albums.primary_artist_id,
        artists.artist_name as primary_artist_name,
        albums.release_date,
        albums.release_date_precision,
        cast(extract(year from albums.release_date) as integer) as release_year,
        albums.total_tracks,
        coalesce(tracks_per_album.known_track_count, 0) as known_track_count,
        cast(
            least(coalesce(tracks_per_album.known_track_count, 0), albums.total_tracks)
            / nullif(cast(albums.total_tracks as numeric), 0) as numeric(4, 3)
        ) as track_coverage,
        albums.label,
        albums.upc,
        albums.popularity,
        albums.image_url,
        {{ spotify_url('album', 'albums.album_id') }} as spotify_url,
        albums.first_seen_on,
        albums.last_seen_on,
        listings.first_listed_on,
        listings.left_on,
        coalesce(listings.is_active, false) as is_active

    from albums
    left join artists
        on albums.primary_artist_id = artists.artist_id
    left join tracks_per_album
        on albums.album_id = tracks_per_album.album_id
    left join listings
        on albums.album_id = listings.record_id

)

select * from final
