{#
    Popularity and followers are no part of it: they move nearly every day, and fct_artist_daily keeps them by date.
#}
{{
    config(
        materialized='incremental',
        unique_key='artist_id',
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        indexes=[
            {'columns': ['artist_id', 'valid_from'], 'unique': true},
            {'columns': ['valid_from']},
            {'columns': ['load_seq']},
        ],
        pre_hook="{{ begin_watermark(this) }}",
        post_hook=[
            "{{ delete_vanished(this, ref('stg_artist_observations'), {'artist_id': 'artist_id', 'valid_from': 'observed_on'}, is_kept_window()) }}",
            "{{ end_watermark(this) }}",
        ]
    )
}}

{{
    history_windows(
        ref('stg_artist_observations'),
        'artist_id',
        always=['artist_name'],
        sometimes=['genres'],
    )
}}
