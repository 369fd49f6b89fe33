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
            "{{ begin_watermark(this) }}",
            "{% if is_incremental() %}delete from {{ this }} where observed_on in ({{ movement_dates(28, 600) }}) or observed_on < {{ history_retained_from() }} or observed_on not in (select observed_on from {{ ref('fct_catalogue_daily') }}){% endif %}",
        ],
        post_hook="{{ end_watermark(this) }}"
    )
}}

with days as (

    {{ movement_dates(28, 600) }}

),

-- date and popularity as one number, so that its smallest and greatest are the oldest and the newest observation
observations as (

    select
        days.observed_on,
        observed.track_id,
        days.observed_on - observed.observed_on as days_ago,
        (observed.observed_on - date '0001-01-01') * 1000 + observed.popularity as dated_popularity

    from days
    inner join {{ ref('fct_track_daily') }} as observed
        on observed.observed_on between days.observed_on - 28 and days.observed_on
    where observed.popularity is not null

),

ends as (

    select
        observed_on,
        track_id,
        max(dated_popularity) as newest
        {%- for window in windows %},
        min(dated_popularity) filter (where days_ago <= {{ window }}) as oldest_in_{{ window }}
        {%- endfor %}

    from observations
    group by observed_on, track_id

),

moved as (

    {% for window in windows %}
    select
        observed_on,
        {{ window }} as window_days,
        track_id,
        date '0001-01-01' + cast(newest / 1000 as integer) as newest_on,
        cast(newest % 1000 as smallint) as popularity,
        date '0001-01-01' + cast(oldest_in_{{ window }} / 1000 as integer) as oldest_on,
        cast(oldest_in_{{ window }} % 1000 as smallint) as previous_popularity,
        cast(newest % 1000 - oldest_in_{{ window }} % 1000 as integer) as popularity_change

    from ends
    where newest % 1000 <> oldest_in_{{ window }} % 1000
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

ranked as (

    select
        *,
        cast(
            row_number() over (
                partition by observed_on, window_days, popularity_change > 0
                order by abs(popularity_change) desc, popularity desc, track_id
            ) as integer
        ) as movement_rank

    from moved

),

final as (

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

    from ranked
    where movement_rank <= {{ most_per_direction }}

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
