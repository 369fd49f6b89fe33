with source as (

    select * from {{ source('ops', 'load') }}

),

renamed as (

    select
        load_seq,
        partition as partition_date,
        source as source_name,
        started_at,
        finished_at,
        inserted as rows_inserted,
        updated as rows_updated,
        unchanged as rows_unchanged,
        complete as is_complete

    from source

)

select * from renamed
