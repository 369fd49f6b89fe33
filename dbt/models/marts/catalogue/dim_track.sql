{{
    config(
        indexes=[
            {'columns': ['track_id'], 'unique': true},
            {'columns': ['album_id']},
            {'columns': ['primary_artist_id']},
            {'columns': ['release_date']},
            {'columns': ['isrc']},
        ]
    )
}}

with tracks as (

    select * from {{ ref('stg_tracks') }}

),

albums as (

    select * from {{ ref('stg_albums') }}

),

artists as (

    select * from {{ ref('stg_artists') }}

),

artist_names as (

    select
        track_artists.track_id,
        string_agg(artists.artist_name, ', ' order by track_artists.artist_position) as artist_names

    from {{ ref('bridge_track_artist') }} as track_artists
    inner join artists
        on track_artists.artist_id = artists.artist_id
    group by track_artists.track_id

),

listings as (

    {{ listings('track') }}

),

final as (

    select
        tracks.track_id,
        tracks.track_name,
        tracks.album_id,
        albums.album_name,
        tracks.primary_artist_id,
        artists.artist_name as primary_artist_name,
        artist_names.artist_names,
        tracks.track_number,
        tracks.disc_number,
        tracks.duration_ms,
        tracks.is_explicit,
        tracks.is_playable,
        tracks.isrc,
        tracks.popularity,
        albums.release_date,
        albums.release_date_precision,
        {{ spotify_url('track', 'tracks.track_id') }} as spotify_url,
        tracks.first_seen_on,
        tracks.last_seen_on,
        listings.first_listed_on,
        listings.left_on,
        coalesce(listings.is_active, false) as is_active

    from tracks
    left join albums
        on tracks.album_id = albums.album_id
    left join artists
        on tracks.primary_artist_id = artists.artist_id
    left join artist_names
        on tracks.track_id = artist_names.track_id
    left join listings
        on tracks.track_id = listings.record_id

)

select * from final
