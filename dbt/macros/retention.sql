{#
    What was derived of rows that retention has removed stays: a model reads it from the table that it replaces.
    The log of removals says up to which date the rows are gone.
#}

{# Whether there is an earlier build of this model to keep facts of: true while dbt parses, so that it sees every ref. #}
{% macro is_built_before() -%}
    {{ return(not execute or load_relation(this) is not none) }}
{%- endmacro %}


{# First date of which staging still holds the history of records and lists. #}
{% macro history_retained_from() -%}
    (select coalesce(max(history_before), date '0001-01-01') from {{ ref('stg_removals') }})
{%- endmacro %}


{# First date of which staging still holds plays, UTC. #}
{% macro plays_retained_from() -%}
    (select coalesce(max(plays_before), date '0001-01-01') from {{ ref('stg_removals') }})
{%- endmacro %}
