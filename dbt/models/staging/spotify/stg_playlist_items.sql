with source as (

    select * from {{ source('spotify', 'playlist_membership') }}

),

renamed as (

    select
        playlist_id,
        observed_on,
        position as item_position,
        track_id,
        item_kind,
        added_at,
        load_seq

    from source

)

select * from renamed
