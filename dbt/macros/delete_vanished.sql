{# Delete from an incremental table what its parent no longer has; nothing to do after a full refresh. #}
{% macro delete_vanished(table, parent, keys) -%}
    {% if is_incremental() %}
    delete from {{ table }}
    where not exists (
        select 1
        from {{ parent }} as parent
        where
            {%- for key in keys %}
            {{ 'and ' if not loop.first }}parent.{{ key }} = {{ table }}.{{ key }}
            {%- endfor %}
    )
    {% endif %}
{%- endmacro %}
