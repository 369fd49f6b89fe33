{#
    Lists of a kind whose rows are computed again, and the first date from which on they are.

    What follows from the readings of a list up to a date does not depend on later ones. An incremental run takes the
    lists with a reading or an item that it has not seen, each from the first such date on; after an erasure, and on a
    full refresh, it takes all lists from the first date that retention left.

    Args:
        list_kind: kind of list, as in stg_list_reads.
        items: relation with the items of these lists.
        item_list: SQL of an item's list_id.
        all_dates: whether the rows follow from facts that retention does not remove.
#}
{% macro changed_lists(list_kind, items, item_list, all_dates=false) -%}
    {%- set is_pruned = not all_dates and is_built_before() -%}
    {%- set retained_from = history_retained_from() if is_pruned else "date '0001-01-01'" -%}
    {% if is_incremental() and not is_anything_removed(by_erasure=true) -%}
    {%- set seen = seen_load_seq() -%}
    select
        list_id,
        greatest(min(observed_on), {{ retained_from }}) as changed_from

    from (
        select
            list_id,
            observed_on
        from {{ ref('stg_list_reads') }}
        where list_kind = '{{ list_kind }}' and load_seq > {{ seen }}
        union all
        select
            {{ item_list }} as list_id,
            observed_on
        from {{ items }}
        where load_seq > {{ seen }}
    ) as unseen
    group by list_id
    {%- else -%}
    select distinct
        list_id,
        {{ retained_from }} as changed_from

    from {{ ref('stg_list_reads') }}
    where list_kind = '{{ list_kind }}'
    {%- endif %}
{%- endmacro %}


{# Hook before an incremental model: delete the rows of changed lists that it computes again. #}
{% macro delete_changed(table, lists, list_id, date_column) -%}
    {% if is_incremental() %}
    delete from {{ table }} using ({{ lists }}) as lists
    where {{ list_id }} = lists.list_id and {{ table }}.{{ date_column }} >= lists.changed_from
    {% endif %}
{%- endmacro %}

