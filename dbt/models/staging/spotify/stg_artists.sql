with source as (

    select * from {{ source('spotify', 'artists') }}

),

renamed as (

    select
        -- ids
        artist_id,

        -- text
        name as artist_name,
        genres,
        genres[1] as primary_genre,
        image_url,

        -- numbers
        popularity,
        followers,

        -- dates
        first_seen_on,
        last_seen_on,

        -- lineage
        load_seq

    from source

)

select * from renamed
