{% test matches(model, column_name, pattern) %}
{# Fails for each text that the POSIX pattern does not match; null passes. #}
select {{ column_name }}
from {{ model }}
where {{ column_name }} !~ '{{ pattern }}'
{% endtest %}
