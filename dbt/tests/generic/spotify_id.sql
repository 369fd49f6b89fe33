{% test spotify_id(model, column_name) %}
{# Fails for each text that is not 22 base62 characters; null passes. #}
select {{ column_name }}
from {{ model }}
where {{ column_name }} !~ '^[0-9A-Za-z]{22}$'
{% endtest %}
