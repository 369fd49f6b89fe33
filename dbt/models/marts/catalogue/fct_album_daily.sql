{# Incremental as fct_track_daily is. #}
{{
    config(
        materialized='incremental',
        unique_key=['album_id', 'observed_on'],
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        indexes=[
            {'columns': ['album_id', 'observed_on'], 'unique': true},
            {'columns': ['observed_on']},
            {'columns': ['load_seq']},
        ],
        pre_hook="{{ begin_watermark(this) }}",
        post_hook=[
            "{{ delete_vanished(this, ref('stg_album_observations'), {'album_id': 'album_id', 'observed_on': 'observed_on'}) }}",
            "{{ end_watermark(this) }}",
        ]
    )
}}

with observations as (

    select * from {{ ref('stg_album_observations') }}
    {% if is_incremental() %}
        where load_seq > {{ seen_load_seq() }}
    {% endif %}

),

final as (

    select
        album_id,
        observed_on,
        primary_artist_id,
        popularity,
        total_tracks,
        load_seq

    from observations

)

select * from final
