{#
    From one complete reading of a playlist to the next. On the first nothing has entered: it was there already.
    Incremental as fct_playlist_entry is.
#}
{{
    config(
        materialized='incremental',
        unique_key=['playlist_id', 'observed_on'],
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        indexes=[{'columns': ['playlist_id', 'observed_on'], 'unique': true}, {'columns': ['observed_on']}],
        pre_hook=[
            "{{ begin_watermark(this, ref('fct_playlist_entry')) }}",
            "{{ delete_changed(this, changed_lists('playlist', ref('stg_playlist_items'), 'playlist_id', all_dates=true), 'playlist_id', 'observed_on') }}",
        ],
        post_hook=[
            "{{ delete_vanished(this, ref('stg_list_reads'), {'playlist_id': 'list_id', 'observed_on': 'observed_on'}) }}",
            "{{ end_watermark(this) }}",
        ]
    )
}}

with lists as (

    {{ changed_lists('playlist', ref('stg_playlist_items'), 'playlist_id', all_dates=true) }}

),

complete_readings as (

    select
        list_id as playlist_id,
        observed_on,
        lag(observed_on) over (partition by list_id order by observed_on) as previous_observed_on

    from {{ ref('stg_list_reads') }}
    where list_kind = 'playlist' and is_complete

),

readings as (

    select complete_readings.*
    from complete_readings
    inner join lists
        on
            complete_readings.playlist_id = lists.list_id
            and complete_readings.observed_on >= lists.changed_from

),

entries as (

    select * from {{ ref('fct_playlist_entry') }}

),

final as (

    select
        readings.playlist_id,
        readings.observed_on,
        readings.previous_observed_on,
        count(entries.track_id) filter (
            where entries.left_on is distinct from readings.observed_on
        ) as tracks_on_playlist,
        count(entries.track_id) filter (
            where
            entries.left_on is distinct from readings.observed_on
            and entries.entered_on > readings.previous_observed_on
        ) as tracks_entered,
        count(entries.track_id) filter (
            where
            entries.left_on = readings.observed_on
            and entries.entered_on <= readings.previous_observed_on
        ) as tracks_left,
        cast(
            avg(entries.days_on_playlist) filter (
                where
                entries.left_on = readings.observed_on
                and entries.is_entry_observed
            ) as numeric(8, 1)
        ) as average_days_stayed

    from readings
    left join entries
        on
            readings.playlist_id = entries.playlist_id
            and readings.observed_on >= entries.entered_on
            and (entries.left_on is null or readings.observed_on <= entries.left_on)
    group by readings.playlist_id, readings.observed_on, readings.previous_observed_on

)

select * from final
