{#
    Whole years: from the first that any date of the marts lies in to the last. Release dates of before recorded
    sound bring only their own year. Bounded by the data and not by a clock, so that every run of the same data
    gives the same table.
#}
{{ config(indexes=[{'columns': ['date_day'], 'unique': true}]) }}

with dates as (

    select observed_on as date_day from {{ ref('fct_catalogue_daily') }}
    union
    select observed_on as date_day from {{ ref('stg_list_reads') }}
    union
    select played_on as date_day from {{ ref('mart_listening_daily') }}
    union
    select first_played_on as date_day from {{ ref('fct_first_listen') }}
    union
    select "partition" as date_day from {{ ref('fct_source_daily') }}
    union
    select release_date as date_day from {{ ref('dim_album') }}
    where release_date is not null
    union
    select first_seen_on as date_day from {{ ref('dim_playlist') }}

),

bounds as (

    select
        cast(extract(year from min(date_day) filter (where date_day >= date '1860-01-01')) as integer) as first_year,
        cast(extract(year from max(date_day)) as integer) as last_year

    from dates

),

years as (

    select generate_series(bounds.first_year, bounds.last_year) as calendar_year from bounds
    union
    select cast(extract(year from date_day) as integer) as calendar_year from dates

),

days as (

    select cast(day as date) as date_day
    from years
    cross join lateral generate_series(
        make_date(years.calendar_year, 1, 1), make_date(years.calendar_year, 12, 31), interval '1 day'
    ) as day

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
