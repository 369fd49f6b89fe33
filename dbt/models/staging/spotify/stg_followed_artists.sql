with source as (

    select * from {{ source('spotify', 'followed_artists') }}

),

renamed as (

    select
        user_hash,
        artist_id,
        first_seen_on,
        last_seen_on,
        observed_at as last_seen_at,
        load_seq

    from source

)

select * from renamed
