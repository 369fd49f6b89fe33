{# Written by the hooks of the incremental models; see the macro begin_watermark. #}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='append_new_columns',
        indexes=[{'columns': ['model_name'], 'unique': true}],
        post_hook="{{ delete_watermarks_without_model(this) }}"
    )
}}

select
    cast(null as text) as model_name,
    load_seq,
    load_seq as next_load_seq,
    load_seq as tested_load_seq

from {{ ref('stg_loads') }}
where false
