{#
    Each rank against the last complete reading before it: one that was cut short does not prove that a track was
    not on the list. What was compared with a reading that retention has removed stays as it was.

    Incremental: a new reading changes its own rows and those of later readings of the same list.
#}
{{
    config(
        materialized='incremental',
        unique_key=['user_hash', 'time_range', 'observed_on', 'rank'],
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        indexes=[
            {'columns': ['user_hash', 'time_range', 'observed_on', 'rank'], 'unique': true},
            {'columns': ['track_id']},
            {'columns': ['observed_on']},
        ],
        pre_hook="{{ begin_watermark(this) }}",
        post_hook=[
            "{{ delete_vanished(this, ref('stg_top_tracks'), {'user_hash': 'user_hash', 'time_range': 'time_range', 'observed_on': 'observed_on', 'rank': 'rank'}) }}",
            "{{ end_watermark(this) }}",
        ]
    )
}}

with lists as (

    {{ changed_lists('top_tracks', ref('stg_top_tracks'), "user_hash || ':' || time_range") }}

),

all_readings as (

    select
        list_id,
        observed_on,
        max(observed_on) filter (where is_complete) over (
            partition by list_id
            order by observed_on rows between unbounded preceding and 1 preceding
        ) as previous_observed_on

    from {{ ref('stg_list_reads') }}
    where list_kind = 'top_tracks'

),

readings as (

    select
        split_part(all_readings.list_id, ':', 1) as user_hash,
        split_part(all_readings.list_id, ':', 2) as time_range,
        all_readings.observed_on,
        all_readings.previous_observed_on

    from all_readings
    inner join lists
        on
            all_readings.list_id = lists.list_id
            and all_readings.observed_on >= lists.changed_from

),

-- `offset 0` has the index read reading by reading
top_tracks as (

    select
        readings.*,
        ranks.rank,
        ranks.track_id

    from readings
    cross join lateral (
        select
            rank,
            track_id
        from {{ ref('stg_top_tracks') }}
        where
            user_hash = readings.user_hash
            and time_range = readings.time_range
            and observed_on = readings.observed_on
        offset 0
    ) as ranks

),

best_ranks as (

    select
        readings.user_hash,
        readings.time_range,
        readings.observed_on,
        ranks.track_id,
        min(ranks.rank) as rank

    from readings
    cross join lateral (
        select
            rank,
            track_id
        from {{ ref('stg_top_tracks') }}
        where
            user_hash = readings.user_hash
            and time_range = readings.time_range
            and observed_on = readings.previous_observed_on
        offset 0
    ) as ranks
    group by readings.user_hash, readings.time_range, readings.observed_on, ranks.track_id

),

compared as (

    select
        top_tracks.user_hash,
        top_tracks.time_range,
        top_tracks.observed_on,
        top_tracks.rank,
        top_tracks.track_id,
        top_tracks.previous_observed_on,
        previous.rank as previous_rank,
        previous.rank - top_tracks.rank as rank_change,
        top_tracks.previous_observed_on is not null and previous.rank is null as is_new_entry

    from top_tracks
    left join best_ranks as previous
        on
            top_tracks.user_hash = previous.user_hash
            and top_tracks.time_range = previous.time_range
            and top_tracks.observed_on = previous.observed_on
            and top_tracks.track_id = previous.track_id

),

final as (

    {% if is_built_before() -%}
    select
        compared.user_hash,
        compared.time_range,
        compared.observed_on,
        compared.rank,
        compared.track_id,
        compared.previous_observed_on,
        coalesce(compared.previous_rank, known.previous_rank) as previous_rank,
        coalesce(compared.rank_change, known.rank_change) as rank_change,
        coalesce(known.is_new_entry, compared.is_new_entry) as is_new_entry

    from compared
    left join {{ this }} as known
        on
            compared.user_hash = known.user_hash
            and compared.time_range = known.time_range
            and compared.observed_on = known.observed_on
            and compared.rank = known.rank
            and compared.track_id = known.track_id
            and compared.previous_observed_on = known.previous_observed_on
            and compared.previous_observed_on < {{ history_retained_from() }}
    {%- else -%}
    select * from compared
    {%- endif %}

)

select * from final
