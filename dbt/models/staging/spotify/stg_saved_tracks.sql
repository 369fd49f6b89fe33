with source as (

    select * from {{ source('spotify', 'saved_tracks') }}

),

renamed as (

    select
        user_hash,
        track_id,
        added_at as saved_at,
        first_seen_on,
        last_seen_on,
        observed_at as last_seen_at,
        load_seq

    from source

)

select * from renamed
