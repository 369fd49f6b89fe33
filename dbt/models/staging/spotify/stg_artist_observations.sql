with source as (

    select * from {{ source('spotify', 'artist_observations') }}

),

renamed as (

    select
        artist_id,
        observed_on,
        name as artist_name,
        genres,
        popularity,
        followers,
        load_seq

    from source

)

select * from renamed
