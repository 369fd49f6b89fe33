with source as (

    select * from {{ source('ops', 'reconciliation') }}

),

renamed as (

    select
        partition as partition_date,
        source as source_name,
        record_kind,
        fetched,
        loaded,
        quarantined,
        duplicates,
        set_aside,
        complete as is_complete,
        status,
        message,
        checked_at

    from source

)

select * from renamed
