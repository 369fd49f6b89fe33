{#
    What an incremental model has taken in: every load and removal up to a number. It is read before the model is
    built and written after it, in its transaction; what is committed in between is taken in again by the next run.
    The numbers lie in the schema of the marts, so that they stay with the tables they speak of.
#}

{# Hook before the model: note the newest load and removal. #}
{% macro begin_watermark(table) -%}
    insert into {{ ref('mart_model_watermark') }} as watermark (model_name, load_seq, next_load_seq)
    select
        '{{ table.identifier }}',
        0,
        greatest(
            (select coalesce(max(load_seq), 0) from {{ ref('stg_loads') }}),
            (select coalesce(max(load_seq), 0) from {{ ref('stg_removals') }})
        )
    on conflict (model_name) do update set next_load_seq = excluded.next_load_seq
{%- endmacro %}


{# Hook after the model: what was noted is taken in. #}
{% macro end_watermark(table) -%}
    update {{ ref('mart_model_watermark') }} set load_seq = next_load_seq where model_name = '{{ table.identifier }}'
{%- endmacro %}


{# The number up to which this model has taken everything in; a literal, for the planner. #}
{% macro seen_load_seq() -%}
    {%- set watermark = ref('mart_model_watermark') -%}
    {%- if execute -%}
        {%- set query -%}
            select coalesce(max(load_seq), 0) from {{ watermark }} where model_name = '{{ this.identifier }}'
        {%- endset -%}
        {{ return(run_query(query).columns[0].values()[0] | int) }}
    {%- endif -%}
    {{ return(0) }}
{%- endmacro %}


{# Whether retention or an erasure (or only an erasure) removed rows that this model may have taken in. #}
{% macro is_anything_removed(by_erasure=false) -%}
    {%- set removals = ref('stg_removals') -%}
    {%- if execute -%}
        {%- set query -%}
            select count(*) from {{ removals }}
            where load_seq > {{ seen_load_seq() }} {{ 'and history_before is null' if by_erasure }}
        {%- endset -%}
        {{ return(run_query(query).columns[0].values()[0] > 0) }}
    {%- endif -%}
    {{ return(false) }}
{%- endmacro %}
