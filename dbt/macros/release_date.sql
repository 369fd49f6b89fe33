{#
    First day of the year, month or day that an album was released on; null when there is none.
    Spotify gives text and a precision, among them "0000" and dates that do not exist.
#}
{% macro release_date(raw, precision) -%}
    case
        when {{ raw }} ~ '^\d{4}(-\d{2}){0,2}$' and pg_input_is_valid({{ iso_date(raw, precision) }}, 'date')
            then cast({{ iso_date(raw, precision) }} as date)
    end
{%- endmacro %}


{# YYYY-MM-DD as far as the precision allows; null for an unknown precision or a text too short. #}
{% macro iso_date(raw, precision) -%}
    case
        when {{ precision }} = 'year' then left({{ raw }}, 4) || '-01-01'
        when {{ precision }} = 'month' and length({{ raw }}) >= 7 then left({{ raw }}, 7) || '-01'
        when {{ precision }} = 'day' and length({{ raw }}) = 10 then {{ raw }}
    end
{%- endmacro %}
