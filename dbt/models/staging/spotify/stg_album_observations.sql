with source as (

    select * from {{ source('spotify', 'album_observations') }}

),

renamed as (

    select
        -- ids
        album_id,
        artist_ids[1] as primary_artist_id,

        -- text
        name as album_name,
        lower(album_type) as album_type,
        label,

        -- numbers
        total_tracks,
        popularity,

        -- dates
        release_date_raw,
        observed_on,

        -- lineage
        load_seq

    from source

)

select * from renamed
