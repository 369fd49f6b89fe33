{# Incremental as fct_track_daily is. #}
{{
    config(
        materialized='incremental',
        unique_key=['artist_id', 'observed_on'],
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        indexes=[
            {'columns': ['artist_id', 'observed_on'], 'unique': true},
            {'columns': ['observed_on']},
            {'columns': ['load_seq']},
        ],
        pre_hook="{{ begin_watermark(this) }}",
        post_hook=[
            "{{ delete_vanished(this, ref('stg_artist_observations'), {'artist_id': 'artist_id', 'observed_on': 'observed_on'}) }}",
            "{{ end_watermark(this) }}",
        ]
    )
}}

with observations as (

    select * from {{ ref('stg_artist_observations') }}
    {% if is_incremental() %}
        where load_seq > {{ seen_load_seq() }}
    {% endif %}

),

final as (

    select
        artist_id,
        observed_on,
        popularity,
        followers,
        load_seq

    from observations

)

select * from final
