{% test spotify_link(model, column_name, kind) %}
{# Fails for each text that is not the address of a track, album or artist on Spotify; null fails too. #}
select {{ column_name }}
from {{ model }}
where ({{ column_name }} ~ '^https://open\.spotify\.com/{{ kind }}/[0-9A-Za-z]{22}$') is not true
{% endtest %}
