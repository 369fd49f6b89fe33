{# Of each record of a kind: since when any source lists it, when the last one stopped, whether one does now. #}
{% macro listings(record_kind) -%}
    select
        record_id,
        min(first_listed_on) as first_listed_on,
        case when count(*) filter (where left_on is null) = 0 then max(left_on) end as left_on,
        bool_or(is_listed) as is_active

    from {{ ref('fct_listing') }}
    where record_kind = '{{ record_kind }}'
    group by record_id
{%- endmacro %}
