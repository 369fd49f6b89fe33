{#
    Delete from an incremental table the rows that its parent no longer has; a full refresh needs no deletion.
    `keys` names the parent's column for each column of the table.
#}
{% macro delete_vanished(table, parent, keys) -%}
    {% if is_incremental() %}
    delete from {{ table }}
    where not exists (
        select 1
        from {{ parent }} as parent
        where
            {%- for key, parent_key in keys.items() %}
            {{ 'and ' if not loop.first }}parent.{{ parent_key }} = {{ table }}.{{ key }}
            {%- endfor %}
    )
    {% endif %}
{%- endmacro %}
