with source as (

    select * from {{ source('spotify', 'albums') }}

),

renamed as (

    select
        -- ids
        album_id,
        artist_ids[1] as primary_artist_id,
        artist_ids,
        upc,

        -- text
        name as album_name,
        lower(album_type) as album_type,
        label,
        image_url,

        -- numbers
        total_tracks,
        popularity,

        -- dates
        release_date,
        case when release_date is not null then release_date_precision end as release_date_precision,
        release_date_raw,
        first_seen_on,
        last_seen_on,

        -- lineage
        load_seq

    from source

)

select * from renamed
