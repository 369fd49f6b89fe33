{{
    config(
        materialized='incremental',
        unique_key='playlist_id',
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        indexes=[
            {'columns': ['playlist_id', 'valid_from'], 'unique': true},
            {'columns': ['valid_from']},
            {'columns': ['load_seq']},
        ],
        pre_hook="{{ begin_watermark(this) }}",
        post_hook=[
            "{{ delete_vanished(this, ref('stg_playlist_observations'), {'playlist_id': 'playlist_id', 'valid_from': 'observed_on'}, is_kept_window()) }}",
            "{{ end_watermark(this) }}",
        ]
    )
}}

{{
    history_windows(
        ref('stg_playlist_observations'),
        'playlist_id',
        always=['playlist_name', 'description', 'is_public', 'is_collaborative'],
        sometimes=[],
    )
}}
