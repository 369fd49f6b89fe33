with source as (

    select * from {{ source('spotify', 'list_reads') }}

),

renamed as (

    select
        list_kind,
        list_id,
        observed_on,
        complete as is_complete,
        item_count,
        begun_at,
        load_seq

    from source

)

select * from renamed
