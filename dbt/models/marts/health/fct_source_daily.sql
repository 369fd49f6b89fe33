{{
    config(
        indexes=[
            {'columns': ['partition', 'source', 'record_kind'], 'unique': true},
            {'columns': ['source']},
        ]
    )
}}

with reconciliation as (

    select * from {{ ref('stg_reconciliation') }}

),

final as (

    select
        partition_date as "partition",
        source_name as source,
        record_kind,
        fetched,
        loaded,
        quarantined,
        duplicates,
        set_aside,
        is_complete,
        status,
        message

    from reconciliation

)

select * from final
