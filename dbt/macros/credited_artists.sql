{# One row per record and credited artist; an artist credited twice keeps the first position. #}
{% macro credited_artists(relation, id_column) -%}
    select
        credited.{{ id_column }},
        credit.artist_id,
        cast(min(credit.position) as integer) as artist_position

    from {{ relation }} as credited
    cross join lateral unnest(credited.artist_ids) with ordinality as credit (artist_id, position)
    where credit.artist_id is not null
    group by credited.{{ id_column }}, credit.artist_id
{%- endmacro %}
