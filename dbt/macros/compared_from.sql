{#
    Load from which on a test compares a history with its observations: what the last two days of loads brought,
    and everything when the newest partition is a Sunday, so that a day's test costs what the day brought.
#}
{% macro compared_from() -%}
    (
        select
            case
                when extract(isodow from max(loads.partition_date)) = 7 then 0
                else coalesce(min(loads.load_seq) filter (where loads.finished_at > newest.finished_at - interval '2 days'), 0)
            end
        from {{ ref('stg_loads') }} as loads
        cross join (select max(finished_at) as finished_at from {{ ref('stg_loads') }}) as newest
    )
{%- endmacro %}
