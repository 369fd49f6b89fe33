{% test new_rows_refer_to(model, column_name, to, field) %}
{# As `relationships`, for the rows that came after the last publication; on Sundays for all: see compared_from. #}
select child.{{ column_name }}
from {{ model }} as child
left join {{ to }} as parent
    on child.{{ column_name }} = parent.{{ field }}
where
    child.load_seq >= {{ compared_from() }}
    and child.{{ column_name }} is not null
    and parent.{{ field }} is null
{% endtest %}
