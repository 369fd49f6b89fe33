with source as (

    select * from {{ source('staging', 'artist_observations') }}

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
