{# Written by the hooks of the incremental models; see the macro begin_watermark. #}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        indexes=[{'columns': ['model_name'], 'unique': true}]
    )
}}

select
    cast(null as text) as model_name,
    load_seq,
    load_seq as next_load_seq

from {{ ref('stg_loads') }}
where false
