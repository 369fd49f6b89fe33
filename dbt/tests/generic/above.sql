{% test above(model, column_name, least) %}
{# Fails for each value below `least`; null passes. #}
select *
from {{ model }}
where {{ column_name }} < {{ least }}
{% endtest %}
