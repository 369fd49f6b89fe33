{#
    Load from which on a test compares a history with its observations: the first that came after what these tables
    held when they were last published, however long ago that was. So a day's test costs what the day brought.
    Everything before the first publication, and when the newest partition is a Sunday. A literal, for the planner.
    `dbt compile` of an empty warehouse has no watermarks yet.
#}
{% macro compared_from() -%}
    {%- set loads, watermark = ref('stg_loads'), ref('mart_model_watermark') -%}
    {%- if execute and load_relation(watermark) is not none -%}
        {%- set query -%}
            select
                case
                    when (select extract(isodow from max(partition_date)) from {{ loads }}) = 7 then 0
                    else coalesce(min(coalesce(tested_load_seq, 0)) + 1, 0)
                end
            from {{ watermark }}
        {%- endset -%}
        {{ return(run_query(query).columns[0].values()[0] | int) }}
    {%- endif -%}
    {{ return(0) }}
{%- endmacro %}
