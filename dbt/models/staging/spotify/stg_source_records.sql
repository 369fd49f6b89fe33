with source as (

    select * from {{ source('spotify', 'source_records') }}

),

renamed as (

    select
        source as source_name,
        record_kind,
        record_id,
        first_seen_on,
        last_seen_on,
        load_seq

    from source

)

select * from renamed
