{#
    Incremental by load_seq, never by time: sequence order is commit order, so what a run has not seen yet
    is exactly what has a greater number, however late or repeated its date. When the log of removals says that
    observations were erased or have passed their retention, the post-hook removes them here as well.
#}
{{
    config(
        materialized='incremental',
        unique_key=['track_id', 'observed_on'],
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        indexes=[
            {'columns': ['track_id', 'observed_on'], 'unique': true},
            {'columns': ['observed_on']},
            {'columns': ['album_id']},
            {'columns': ['load_seq']},
        ],
        pre_hook="{{ begin_watermark(this) }}",
        post_hook=[
            "{{ delete_vanished(this, ref('stg_track_observations'), {'track_id': 'track_id', 'observed_on': 'observed_on'}) }}",
            "{{ end_watermark(this) }}",
        ]
    )
}}

with observations as (

    select * from {{ ref('stg_track_observations') }}
    {% if is_incremental() %}
        where load_seq > {{ seen_load_seq() }}
    {% endif %}

),

final as (

    select
        track_id,
        observed_on,
        album_id,
        primary_artist_id,
        popularity,
        is_playable,
        duration_ms,
        load_seq

    from observations

)

select * from final
