{#
    Ranks of the user's top tracks or artists, each against the last complete reading of the list before it: one that
    was cut short does not prove that a record was not on the list. What was compared with a reading that retention
    has removed stays as it was. Incremental: a new reading changes its own rows and those of later readings.
#}
{% macro top_list(kind) -%}
{%- set id = kind ~ '_id' -%}
{%- set ranks = ref('stg_top_' ~ kind ~ 's') -%}
with lists as (

    {{ changed_lists('top_' ~ kind ~ 's', ranks, "user_hash || ':' || time_range") }}

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
    where list_kind = 'top_{{ kind }}s'

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
ranked as (

    select
        readings.*,
        ranks.rank,
        ranks.{{ id }}

    from readings
    cross join lateral (
        select
            rank,
            {{ id }}
        from {{ ranks }}
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
        ranks.{{ id }},
        min(ranks.rank) as rank

    from readings
    cross join lateral (
        select
            rank,
            {{ id }}
        from {{ ranks }}
        where
            user_hash = readings.user_hash
            and time_range = readings.time_range
            and observed_on = readings.previous_observed_on
        offset 0
    ) as ranks
    group by readings.user_hash, readings.time_range, readings.observed_on, ranks.{{ id }}

),

compared as (

    select
        ranked.user_hash,
        ranked.time_range,
        ranked.observed_on,
        ranked.rank,
        ranked.{{ id }},
        ranked.previous_observed_on,
        previous.rank as previous_rank,
        previous.rank - ranked.rank as rank_change,
        ranked.previous_observed_on is not null and previous.rank is null as is_new_entry

    from ranked
    left join best_ranks as previous
        on
            ranked.user_hash = previous.user_hash
            and ranked.time_range = previous.time_range
            and ranked.observed_on = previous.observed_on
            and ranked.{{ id }} = previous.{{ id }}

),

final as (

    {% if is_built_before() -%}
    select
        compared.user_hash,
        compared.time_range,
        compared.observed_on,
        compared.rank,
        compared.{{ id }},
        compared.previous_observed_on,
        coalesce(compared.previous_rank, known.previous_rank) as previous_rank,
        coalesce(compared.rank_change, known.rank_change) as rank_change,
        coalesce(known.is_new_entry, compared.is_new_entry) as is_new_entry

    from compared
    -- `offset 0` has the index read rank by rank
    left join lateral (
        select
            previous_rank,
            rank_change,
            is_new_entry
        from {{ this }}
        where
            user_hash = compared.user_hash
            and time_range = compared.time_range
            and observed_on = compared.observed_on
            and rank = compared.rank
            and {{ id }} = compared.{{ id }}
            and previous_observed_on = compared.previous_observed_on
            and compared.previous_observed_on < {{ history_retained_from() }}
        offset 0
    ) as known
        on true
    {%- else -%}
    select * from compared
    {%- endif %}

)

select * from final
{%- endmacro %}


{# Hook after a build: delete the ranks that the readings of changed lists no longer have. #}
{% macro delete_shortened(table, kind) -%}
    {%- set ranks = ref('stg_top_' ~ kind ~ 's') -%}
    {% if is_incremental() %}
    delete from {{ table }}
    using ({{ changed_lists('top_' ~ kind ~ 's', ranks, "user_hash || ':' || time_range") }}) as lists
    where
        {{ table }}.user_hash = split_part(lists.list_id, ':', 1)
        and {{ table }}.time_range = split_part(lists.list_id, ':', 2)
        and {{ table }}.observed_on >= lists.changed_from
        -- `offset 0` has the index read rank by rank, and only for rows of changed lists, since it refers to the list
        and not exists (
            select 1
            from {{ ranks }} as ranks
            where
                ranks.user_hash = split_part(lists.list_id, ':', 1)
                and ranks.time_range = split_part(lists.list_id, ':', 2)
                and ranks.observed_on = {{ table }}.observed_on
                and ranks.rank = {{ table }}.rank
            offset 0
        )
    {% endif %}
{%- endmacro %}
