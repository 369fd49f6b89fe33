with source as (

    select * from {{ source('staging', 'album_observations') }}

),

renamed as (

    select
        album_id,
        observed_on,
        popularity,
        load_seq

    from source

)

select * from renamed
