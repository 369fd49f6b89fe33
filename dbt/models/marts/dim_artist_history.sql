{#
    Popularity and followers are included, because no fact table keeps them by date.
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
        post_hook="{{ delete_vanished(this, ref('stg_artist_observations'), {'artist_id': 'artist_id', 'valid_from': 'observed_on'}) }}"
    )
}}

{{
    history_windows(
        ref('stg_artist_observations'),
        'artist_id',
        always=['artist_name'],
        sometimes=['genres', 'popularity', 'followers'],
    )
}}
