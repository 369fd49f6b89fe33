with source as (

    select * from {{ source('spotify', 'top_artists') }}

),

renamed as (

    select
        user_hash,
        time_range,
        observed_on,
        rank,
        artist_id,
        load_seq

    from source

)

select * from renamed
