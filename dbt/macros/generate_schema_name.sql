{#
    The schema named in the config, as it is: the roles of the warehouse own exactly these. What belongs into marts
    goes where the target says: Airflow builds and tests in marts_build, and publishing makes it marts.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set schema = (custom_schema_name or 'marts') | trim -%}
    {{ target.schema if schema == 'marts' else schema }}
{%- endmacro %}
