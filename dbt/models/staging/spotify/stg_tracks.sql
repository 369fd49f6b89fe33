with source as (

    select * from {{ source('spotify', 'tracks') }}

),

renamed as (

    select
        -- ids
        track_id,
        album_id,
        artist_ids[1] as primary_artist_id,
        artist_ids,
        {{ normalised_isrc('isrc') }} as isrc,

        -- text
        name as track_name,

        -- numbers
        track_number,
        disc_number,
        duration_ms,
        popularity,

        -- booleans
        explicit as is_explicit,
        is_playable,

        -- dates
        first_seen_on,
        last_seen_on,

        -- lineage
        load_seq

    from source

)

select * from renamed
