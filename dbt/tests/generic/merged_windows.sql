{% test merged_windows(model, id, columns) %}
{#
    Fails for each window that does not end where the next begins, and for neighbours with equal values. It looks at
    the ids that changed after the last publication, on Sundays at all: see compared_from.
#}
with neighbours as (
    select
        *,
        lead(valid_from) over following as next_from
        {%- for column in columns %},
        lead({{ column }}) over following as next_{{ column }}
        {%- endfor %}
    from {{ model }}
    where load_seq >= {{ compared_from() }}
    window following as (partition by {{ id }} order by valid_from)
)

select *
from neighbours
where
    valid_to is distinct from next_from
    or is_current <> (next_from is null)
    or (
        next_from is not null
        {%- for column in columns %}
        and {{ column }} is not distinct from next_{{ column }}
        {%- endfor %}
    )
{% endtest %}
