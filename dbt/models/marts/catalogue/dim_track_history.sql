{#
    Popularity is not included: it changes nearly every day, and fct_track_daily keeps it by date.
#}
{{
    config(
        materialized='incremental',
        unique_key='track_id',
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        indexes=[
            {'columns': ['track_id', 'valid_from'], 'unique': true},
            {'columns': ['valid_from']},
            {'columns': ['load_seq']},
        ],
        pre_hook="{{ begin_watermark(this) }}",
        post_hook=[
            "{{ delete_vanished(this, ref('stg_track_observations'), {'track_id': 'track_id', 'valid_from': 'observed_on'}, is_kept_window()) }}",
            "{{ end_watermark(this) }}",
        ]
    )
}}

{{
    history_windows(
        ref('stg_track_observations'),
        'track_id',
        always=['track_name', 'album_id', 'primary_artist_id', 'duration_ms', 'is_explicit'],
        sometimes=['is_playable', 'isrc'],
    )
}}
