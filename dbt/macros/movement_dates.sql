{#
    Dates of the catalogue whose movers are to be computed: those with an observation in their longest window that
    came or changed since the last run, and after an erasure those that lack rows which it may have deleted. On a
    full refresh, all whose window is retained.
#}
{% macro movement_dates(longest_window, rows_per_date) -%}
    select days.observed_on
    from {{ ref('fct_catalogue_daily') }} as days
    where
        days.observed_on - {{ longest_window }}
        >= {{ history_retained_from() if is_built_before() else "date '0001-01-01'" }}
    {% if is_incremental() %}
        and (
            exists (
                select 1
                from (
                    select distinct observed_on
                    from {{ ref('fct_track_daily') }}
                    where load_seq > {{ seen_load_seq() }}
                ) as changed
                where days.observed_on between changed.observed_on and changed.observed_on + {{ longest_window }}
            )
            {% if is_anything_removed(by_erasure=true) %}
            or days.observed_on not in (
                select observed_on from {{ this }}
                group by observed_on
                having count(*) = {{ rows_per_date }}
            )
            {% endif %}
        )
    {% endif %}
{%- endmacro %}
