{#
    Dates of the catalogue whose movers are to be computed: those with an observation in their longest window that
    came or changed since the last run. After a removal, and on a full refresh, all whose window is retained.
#}
{% macro movement_dates(longest_window) -%}
    select distinct days.observed_on
    from {{ ref('fct_catalogue_daily') }} as days
    {% if is_incremental() and not is_anything_removed() %}
    inner join (
        select distinct observed_on
        from {{ ref('fct_track_daily') }}
        where load_seq > {{ seen_load_seq() }}
    ) as changed
        on days.observed_on between changed.observed_on and changed.observed_on + {{ longest_window }}
    {% endif %}
    {% if is_built_before() %}
    where days.observed_on - {{ longest_window }} >= {{ history_retained_from() }}
    {% endif %}
{%- endmacro %}
