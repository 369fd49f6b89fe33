with source as (

    select * from {{ source('spotify', 'top_tracks') }}

),

renamed as (

    select
        user_hash,
        time_range,
        observed_on,
        rank,
        track_id,
        load_seq

    from source

)

select * from renamed
