{#
    Each rank against the last complete reading before it: one that was cut short does not prove that an artist was
    not on the list. What was compared with a reading that retention has removed stays as it was.
#}
{{
    config(
        indexes=[
            {'columns': ['user_hash', 'time_range', 'observed_on', 'rank'], 'unique': true},
            {'columns': ['artist_id']},
            {'columns': ['observed_on']},
        ]
    )
}}

with top_artists as (

    select * from {{ ref('stg_top_artists') }}

),

readings as (

    select
        split_part(list_id, ':', 1) as user_hash,
        split_part(list_id, ':', 2) as time_range,
        observed_on,
        max(observed_on) filter (where is_complete) over (
            partition by list_id
            order by observed_on rows between unbounded preceding and 1 preceding
        ) as previous_observed_on

    from {{ ref('stg_list_reads') }}
    where list_kind = 'top_artists'

),

best_ranks as (

    select
        user_hash,
        time_range,
        observed_on,
        artist_id,
        min(rank) as rank

    from top_artists
    group by user_hash, time_range, observed_on, artist_id

),

compared as (

    select
        top_artists.user_hash,
        top_artists.time_range,
        top_artists.observed_on,
        top_artists.rank,
        top_artists.artist_id,
        readings.previous_observed_on,
        previous.rank as previous_rank,
        previous.rank - top_artists.rank as rank_change,
        readings.previous_observed_on is not null and previous.rank is null as is_new_entry

    from top_artists
    left join readings
        on
            top_artists.user_hash = readings.user_hash
            and top_artists.time_range = readings.time_range
            and top_artists.observed_on = readings.observed_on
    left join best_ranks as previous
        on
            readings.user_hash = previous.user_hash
            and readings.time_range = previous.time_range
            and readings.previous_observed_on = previous.observed_on
            and top_artists.artist_id = previous.artist_id

),

final as (

    {% if is_built_before() -%}
    select
        compared.user_hash,
        compared.time_range,
        compared.observed_on,
        compared.rank,
        compared.artist_id,
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
            and compared.artist_id = known.artist_id
            and compared.previous_observed_on = known.previous_observed_on
            and compared.previous_observed_on < {{ history_retained_from() }}
    {%- else -%}
    select * from compared
    {%- endif %}

)

select * from final
