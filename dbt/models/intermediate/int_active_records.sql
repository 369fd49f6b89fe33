{{ config(indexes=[{'columns': ['record_kind', 'record_id'], 'unique': true}]) }}

with source_records as (

    select * from {{ ref('stg_source_records') }}

),

sources as (

    select * from {{ ref('stg_sources') }}

),

active_records as (

    select
        source_records.record_kind,
        source_records.record_id,
        cast(count(*) as integer) as active_source_count

    from source_records
    inner join sources
        on source_records.source_name = sources.source_name
    where sources.is_active
    group by source_records.record_kind, source_records.record_id

)

select * from active_records
