with source as (

    select * from {{ source('spotify', 'playlist_observations') }}

),

renamed as (

    select
        playlist_id,
        observed_on,
        name as playlist_name,
        description,
        is_public,
        is_collaborative,
        load_seq

    from source

)

select * from renamed
