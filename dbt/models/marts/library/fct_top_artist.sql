{{
    config(
        materialized='incremental',
        unique_key=['user_hash', 'time_range', 'observed_on', 'rank'],
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        indexes=[
            {'columns': ['user_hash', 'time_range', 'observed_on', 'rank'], 'unique': true},
            {'columns': ['artist_id']},
            {'columns': ['observed_on']},
        ],
        pre_hook="{{ begin_watermark(this) }}",
        post_hook=[
            "{{ delete_vanished(this, ref('stg_top_artists'), {'user_hash': 'user_hash', 'time_range': 'time_range', 'observed_on': 'observed_on', 'rank': 'rank'}) }}",
            "{{ delete_shortened(this, 'artist') }}",
            "{{ end_watermark(this) }}",
        ]
    )
}}

{{ top_list('artist') }}
