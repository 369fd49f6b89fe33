{% test in_range(model, column_name, min_value=none, max_value=none) %}
{# Fails for each value outside the range, both ends included; null passes. A bound is any SQL expression. #}
select {{ column_name }}
from {{ model }}
where
    false
    {% if min_value is not none %} or {{ column_name }} < {{ min_value }} {% endif %}
    {% if max_value is not none %} or {{ column_name }} > {{ max_value }} {% endif %}
{% endtest %}
