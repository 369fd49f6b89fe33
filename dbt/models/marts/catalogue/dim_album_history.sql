{{
    config(
        materialized='incremental',
        unique_key='album_id',
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        indexes=[
            {'columns': ['album_id', 'valid_from'], 'unique': true},
            {'columns': ['valid_from']},
            {'columns': ['load_seq']},
        ],
        pre_hook="{{ begin_watermark(this) }}",
        post_hook=[
            "{{ delete_vanished(this, ref('stg_album_observations'), {'album_id': 'album_id', 'valid_from': 'observed_on'}, is_kept_window()) }}",
            "{{ end_watermark(this) }}",
        ]
    )
}}

{{
    history_windows(
        ref('stg_album_observations'),
        'album_id',
        always=['album_name', 'album_type', 'primary_artist_id', 'total_tracks', 'release_date_raw'],
        sometimes=['label'],
    )
}}
