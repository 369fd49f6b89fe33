{#
    What an incremental model has taken in: every load and removal up to a number. It is read before the model is
    built and written after it, in its transaction; what is committed in between is taken in again by the next run.
    The numbers lie in the schema of the marts, so that they stay with the tables they speak of. A publication sets
    tested_load_seq (ops.switch_marts): all tests have passed on the rows up to it.
#}

{#
    Hook before the model: note the newest load and removal. A model that takes new rows from another incremental
    model notes what that one has taken in: a load that came since would be passed over otherwise.
#}
{% macro begin_watermark(table, parent=none) -%}
    {#- named in every case: dbt must know of them, and sees no branch that is not taken while it parses -#}
    {%- set loads, removals = ref('stg_loads'), ref('stg_removals') -%}
    insert into {{ ref('mart_model_watermark') }} as watermark (model_name, load_seq, next_load_seq)
    select
        '{{ table.identifier }}',
        0,
        {% if parent -%}
        coalesce(max(load_seq), 0)

    from {{ ref('mart_model_watermark') }}
    where model_name = '{{ parent.identifier }}'
        {%- else -%}
        greatest(
            (select coalesce(max(load_seq), 0) from {{ loads }}),
            (select coalesce(max(load_seq), 0) from {{ removals }})
        )
        {%- endif %}
    on conflict (model_name) do update set
        next_load_seq = excluded.next_load_seq
        {#- old rows are new ones, too -#}
        {{ ', tested_load_seq = 0' if should_full_refresh() }}
{%- endmacro %}


{# Hook after the model: what was noted is taken in. #}
{% macro end_watermark(table) -%}
    update {{ ref('mart_model_watermark') }} set load_seq = next_load_seq where model_name = '{{ table.identifier }}'
{%- endmacro %}


{# Hook of the watermarks: delete those of models that the project no longer has, which no load moves on. #}
{% macro delete_watermarks_without_model(table) -%}
    {% if execute %}
    delete from {{ table }}
    where model_name not in (
        {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
        '{{ node.name }}'{{ ', ' if not loop.last }}
        {%- endfor -%}
    )
    {% endif %}
{%- endmacro %}


{#
    The number that the hook has noted. A row of a model whose readers are incremental carries it, or the number of a
    newer load that the row was computed from, so that it is greater than what any reader has seen before.
#}
{% macro noted_load_seq() -%}
    (select next_load_seq from {{ ref('mart_model_watermark') }} where model_name = '{{ this.identifier }}')
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
    {%- set removals, watermark = ref('stg_removals'), ref('mart_model_watermark') -%}
    {%- if execute -%}
        {%- set query -%}
            select count(*) from {{ removals }}
            where
                load_seq > (select coalesce(max(load_seq), 0) from {{ watermark }} where model_name = '{{ this.identifier }}')
                {{ 'and history_before is null' if by_erasure }}
        {%- endset -%}
        {{ return(run_query(query).columns[0].values()[0] > 0) }}
    {%- endif -%}
    {{ return(false) }}
{%- endmacro %}
