{#
    Hook after a table: its unique index becomes its primary key, which tools that read the catalogue find. It is no
    second index. There are no foreign keys: a dimension that is built again would take them with it.
#}
{% macro primary_key(table) -%}
    {% if not is_incremental() %}
    do $$
    declare
        key_index text;
    begin
        select pg_class.relname into key_index
        from pg_index
        inner join pg_class
            on pg_index.indexrelid = pg_class.oid
        where
            pg_index.indrelid = '{{ table }}'::regclass
            and pg_index.indisunique
            and not exists (select from pg_index where indrelid = '{{ table }}'::regclass and indisprimary);
        if key_index is not null then
            execute format('alter table {{ table }} add primary key using index %I', key_index);
        end if;
    end $$
    {% endif %}
{%- endmacro %}
