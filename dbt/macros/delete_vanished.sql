{#
    Delete from an incremental table what its parent no longer has, when anything was removed since the last run.
    `keys` names the parent's column for each column of the table; rows for which `kept` holds stay.
#}
{% macro delete_vanished(table, parent, keys, kept='false') -%}
    {% if is_incremental() and is_anything_removed() %}
    delete from {{ table }}
    where not ({{ kept }})
        and not exists (
            select 1
            from {{ parent }} as parent
            where
                {%- for key, parent_key in keys.items() %}
                {{ 'and ' if not loop.first }}parent.{{ parent_key }} = {{ table }}.{{ key }}
                {%- endfor %}
        )
    {% endif %}
{%- endmacro %}
