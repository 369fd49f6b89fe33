{#
    Whole years, from the first date that anything was observed or played on to the last.
    Bounded by the data and not by a clock, so that every run of the same data gives the same table.
#}
{{ config(indexes=[{'columns': ['date_day'], 'unique': true}]) }}

with dates as (

    select observed_on as date_day from {{ ref('fct_catalogue_daily') }}
    union all
    select played_on as date_day from {{ ref('stg_plays') }}
    union all
    select observed_on as date_day from {{ ref('stg_list_reads') }}

),

bounds as (

    select
        date_trunc('year', min(date_day)) as first_day,
        date_trunc('year', max(date_day)) + interval '1 year' - interval '1 day' as last_day

    from dates

),

days as (

    select cast(day as date) as date_day
    from bounds
    cross join lateral generate_series(bounds.first_day, bounds.last_day, interval '1 day') as day

),

final as (

    select
        date_day,
        cast(extract(year from date_day) as integer) as calendar_year,
        cast(extract(quarter from date_day) as integer) as quarter_of_year,
        cast(extract(month from date_day) as integer) as month_of_year,
        to_char(date_day, 'FMMonth') as month_name,
        cast(date_trunc('month', date_day) as date) as month_start,
        cast(extract(isoyear from date_day) as integer) as iso_year,
        cast(extract(week from date_day) as integer) as iso_week,
        cast(date_trunc('week', date_day) as date) as week_start,
        cast(extract(isodow from date_day) as integer) as day_of_week,
        to_char(date_day, 'FMDay') as day_name,
        extract(isodow from date_day) >= 6 as is_weekend

    from days

)

select * from final
