with source as (

    select * from {{ source('staging', 'track_observations') }}

),

renamed as (

    select
        track_id,
        observed_on,
        album_id,
        artist_ids[1] as primary_artist_id,
        popularity,
        is_playable,
        duration_ms,
        load_seq

    from source

)

select * from renamed
