{% test well_formed_isrc(model, column_name) %}
{# Fails for each text that is not a compact ISRC (ISO 3901); null passes. #}
select {{ column_name }}
from {{ model }}
where {{ column_name }} !~ '^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$'
{% endtest %}
