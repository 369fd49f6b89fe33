with source as (

    select * from {{ source('ops', 'source') }}

),

renamed as (

    select
        name as source_name,
        kind as source_kind,
        active as is_active,
        first_planned_on,
        last_planned_on

    from source

)

select * from renamed
