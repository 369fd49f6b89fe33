with source as (

    select * from {{ source('spotify', 'playlists') }}

),

renamed as (

    select
        -- ids
        playlist_id,
        owner_hash,
        snapshot_id,

        -- text
        name as playlist_name,
        description,

        -- booleans
        is_public,
        is_collaborative,

        -- dates
        first_seen_on,
        last_seen_on,

        -- lineage
        load_seq

    from source

)

select * from renamed
