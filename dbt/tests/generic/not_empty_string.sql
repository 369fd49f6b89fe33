{% test not_empty_string(model, column_name) %}
{# Fails for each text that is empty or only blanks; null passes. #}
select {{ column_name }}
from {{ model }}
where trim({{ column_name }}) = ''
{% endtest %}
