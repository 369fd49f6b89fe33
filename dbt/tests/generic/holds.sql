{% test holds(model, expression) %}
{# Fails for each row for which the SQL expression is false; null passes. #}
select *
from {{ model }}
where not ({{ expression }})
{% endtest %}
