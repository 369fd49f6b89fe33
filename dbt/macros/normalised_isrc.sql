{#
    ISRC in its compact form (ISO 3901: country, registrant, year, designation), null when it is not one.
    Spotify also delivers it in lower case and with hyphens.
#}
{% macro normalised_isrc(column) -%}
    {%- set compact -%}
        upper(regexp_replace({{ column }}, '[-[:space:]]', '', 'g'))
    {%- endset -%}
    case when {{ compact }} ~ '^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$' then {{ compact }} end
{%- endmacro %}
