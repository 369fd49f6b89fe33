{#
    The tracks that rose and fell most in the 1, 7 and 28 days that end with a date of the catalogue: the newest
    popularity in them against the oldest. Both ends lie in the window, the older one on its first date at the
    earliest; a track that was not observed in it does not move.

    A date is computed again when an observation in its longest window came, changed or went. A date whose longest
    window begins before what retention left keeps what was computed then.
#}
{% set most_per_direction = 100 %}
{% set windows = [1, 7, 28] %}
{{
    config(
        materialized='incremental',
        unique_key='observed_on',
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        indexes=[
            {'columns': ['observed_on', 'window_days', 'track_id'], 'unique': true},
            {'columns': ['track_id']},
        ],
        pre_hook=[
            "{{ begin_watermark(this, ref('fct_track_daily')) }}",
            "{% if is_incremental() %}delete from {{ this }} where observed_on in ({{ movement_dates(28, 600) }}) or observed_on < {{ history_retained_from() }} or observed_on not in (select observed_on from {{ ref('fct_catalogue_daily') }}){% endif %}",
        ],
        post_hook="{{ end_watermark(this) }}"
    )
}}

with days as (

    {{ movement_dates(28, 600) }}

),

-- date by date, so that no more than one window is in memory. Date and popularity are one number, so that its
-- smallest and greatest are the oldest and the newest observation
ranked as (

    select
        days.observed_on,
        moved.*

    from days
    cross join lateral (
        select
            windows.window_days,
            ends.track_id,
            ends.newest,
            windows.oldest,
            row_number() over (
                partition by windows.window_days, ends.newest % 1000 > windows.oldest % 1000
                order by abs(ends.newest % 1000 - windows.oldest % 1000) desc, ends.newest % 1000 desc, ends.track_id
            ) as movement_rank

        from (
            select
                observed.track_id,
                max((observed.observed_on - date '0001-01-01') * 1000 + observed.popularity) as newest
                {%- for window in windows %},
                min((observed.observed_on - date '0001-01-01') * 1000 + observed.popularity)
                    filter (where observed.observed_on >= days.observed_on - {{ window }}) as oldest_in_{{ window }}
                {%- endfor %}

            from {{ ref('fct_track_daily') }} as observed
            where
                observed.observed_on between days.observed_on - 28 and days.observed_on
                and observed.popularity is not null
            group by observed.track_id
        ) as ends
        cross join lateral (
            values
            {%- for window in windows %}
                ({{ window }}, ends.oldest_in_{{ window }}){{ ',' if not loop.last }}
            {%- endfor %}
        ) as windows (window_days, oldest)
        where ends.newest % 1000 <> windows.oldest % 1000
    ) as moved
    where moved.movement_rank <= {{ most_per_direction }}

),

final as (

    select
        observed_on,
        window_days,
        track_id,
        cast(movement_rank as integer) as movement_rank,
        date '0001-01-01' + cast(newest / 1000 as integer) as newest_on,
        cast(newest % 1000 as smallint) as popularity,
        date '0001-01-01' + cast(oldest / 1000 as integer) as oldest_on,
        cast(oldest % 1000 as smallint) as previous_popularity,
        cast(newest % 1000 - oldest % 1000 as integer) as popularity_change

    from ranked

    {% if is_built_before() and not is_incremental() %}
        union all

        select
            observed_on,
            window_days,
            track_id,
            movement_rank,
            newest_on,
            popularity,
            oldest_on,
            previous_popularity,
            popularity_change

        from {{ this }}
        where
            observed_on >= {{ history_retained_from() }}
            and observed_on - 28 < {{ history_retained_from() }}
    {% endif %}

)

select * from final
