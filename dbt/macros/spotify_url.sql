{# Link to Spotify, which its terms require wherever content is shown. #}
{% macro spotify_url(kind, id_column) -%}
    'https://open.spotify.com/{{ kind }}/' || {{ id_column }}
{%- endmacro %}
