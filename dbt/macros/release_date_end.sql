{# Last day that a release date can mean: a year may be its 31 December. Sorts exact dates before vague ones. #}
{% macro release_date_end(release_date, precision) -%}
    case {{ precision }}
        when 'year' then cast({{ release_date }} + interval '1 year' - interval '1 day' as date)
        when 'month' then cast({{ release_date }} + interval '1 month' - interval '1 day' as date)
        else {{ release_date }}
    end
{%- endmacro %}
