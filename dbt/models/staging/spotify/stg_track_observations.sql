with source as (

    select * from {{ source('spotify', 'track_observations') }}

),

renamed as (

    select
        -- ids
        track_id,
        album_id,
        artist_ids[1] as primary_artist_id,
        {{ normalised_isrc('isrc') }} as isrc,

        -- text
        name as track_name,

        -- numbers
        duration_ms,
        popularity,

        -- booleans
        explicit as is_explicit,
        is_playable,

        -- dates
        observed_on,

        -- lineage
        load_seq

    from source

)

select * from renamed
