{{ config(severity='warn') }}
-- The newest partition of an active source brought less than half of what its 14 partitions before brought.
with

daily as (
    select
        source,
        "partition",
        sum(loaded) as loaded,
        row_number() over (partition by source order by "partition" desc) as age
    from {{ ref('fct_source_daily') }}
    group by source, "partition"
)

select
    daily.source,
    max(daily."partition") as "partition",
    sum(daily.loaded) filter (where daily.age = 1) as loaded,
    avg(daily.loaded) filter (where daily.age between 2 and 15) as usual
from daily
inner join {{ ref('stg_sources') }} as sources
    on daily.source = sources.source_name
where sources.is_active
group by daily.source
having
    count(*) filter (where daily.age between 2 and 15) >= 3
    and sum(daily.loaded) filter (where daily.age = 1)
    < 0.5 * avg(daily.loaded) filter (where daily.age between 2 and 15)
