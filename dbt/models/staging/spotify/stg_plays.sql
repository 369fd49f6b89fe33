with source as (

    select * from {{ source('spotify', 'plays') }}

),

renamed as (

    select
        -- ids
        user_hash,
        track_id,
        context_type,
        context_id,

        -- dates
        played_at,
        cast(played_at at time zone 'UTC' as date) as played_on,
        cast(extract(hour from played_at at time zone 'UTC') as integer) as played_hour,
        first_seen_on,

        -- lineage
        load_seq

    from source

)

select * from renamed
