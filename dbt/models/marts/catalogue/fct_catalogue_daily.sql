{#
    What was read on a date is how far the crawl came: albums that did not change are not read again.
    These counts stay when retention removes the observations, and a date is counted again only if an observation
    of it came or changed, or after an erasure.
#}
{{
    config(
        indexes=[{'columns': ['observed_on'], 'unique': true}],
        pre_hook="{{ begin_watermark(this) }}",
        post_hook="{{ end_watermark(this) }}"
    )
}}
{% set kinds = ['track', 'album', 'artist'] %}
{% set is_continued = is_built_before() and not should_full_refresh() and not is_anything_removed(by_erasure=true) %}

with first_seen as (

    select first_seen_on, 'track' as record_kind from {{ ref('stg_tracks') }}
    union all
    select first_seen_on, 'album' as record_kind from {{ ref('stg_albums') }}
    union all
    select first_seen_on, 'artist' as record_kind from {{ ref('stg_artists') }}

),

{% if is_continued %}
-- the linter also tries this branch without the others
changed_dates as ( -- noqa: ST03

    {% for kind in kinds %}
    select observed_on from {{ ref('stg_' ~ kind ~ '_observations') }}
    where load_seq > {{ seen_load_seq() }}
    {{ 'union' if not loop.last }}
    {% endfor %}

),
{% endif %}

-- an array, so that only the index entries of these dates are read
crawled_per_kind as (

    {% for kind in kinds %}
    select
        observed_on,
        '{{ kind }}' as record_kind,
        count(*) as crawled

    from {{ ref('stg_' ~ kind ~ '_observations') }}
    {% if is_continued -%}
    where observed_on = any(array(select changed_dates.observed_on from changed_dates))
    {%- endif %}
    group by observed_on
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

crawled_per_day as (

    select
        observed_on,
        cast(coalesce(sum(crawled) filter (where record_kind = 'track'), 0) as bigint) as tracks_crawled,
        cast(coalesce(sum(crawled) filter (where record_kind = 'album'), 0) as bigint) as albums_crawled,
        cast(coalesce(sum(crawled) filter (where record_kind = 'artist'), 0) as bigint) as artists_crawled

    from crawled_per_kind
    {% if is_built_before() -%}
    -- an older date is counted once, if it was loaded after retention had removed the history before it
    where
        observed_on >= {{ history_retained_from() }}
        or observed_on not in (select known.observed_on from {{ this }} as known where known.tracks_crawled is not null)
    {%- endif %}
    group by observed_on

    {% if is_built_before() %}
        union all

        select
            observed_on,
            tracks_crawled,
            albums_crawled,
            artists_crawled

        from {{ this }}
        where
            tracks_crawled is not null
            and (
                observed_on < {{ history_retained_from() }}
                {% if is_continued -%}
                or observed_on not in (select changed_dates.observed_on from changed_dates)
                {%- endif %}
            )
    {% endif %}

),

new_per_day as (

    select
        first_seen_on,
        count(*) filter (where record_kind = 'track') as new_tracks,
        count(*) filter (where record_kind = 'album') as new_albums,
        count(*) filter (where record_kind = 'artist') as new_artists

    from first_seen
    where first_seen_on is not null
    group by first_seen_on

),

-- a date of which nothing is retained and nothing was counted says null, not 0
counted as (

    select
        coalesce(crawled_per_day.observed_on, new_per_day.first_seen_on) as observed_on,
        crawled_per_day.tracks_crawled,
        crawled_per_day.albums_crawled,
        crawled_per_day.artists_crawled,
        coalesce(new_per_day.new_tracks, 0) as new_tracks,
        coalesce(new_per_day.new_albums, 0) as new_albums,
        coalesce(new_per_day.new_artists, 0) as new_artists

    from crawled_per_day
    full outer join new_per_day
        on crawled_per_day.observed_on = new_per_day.first_seen_on

),

-- a release date of year or month precision is not a day
releases_per_day as (

    select
        release_date,
        count(*) as albums_released

    from {{ ref('stg_albums') }}
    where release_date_precision = 'day'
    group by release_date

),

-- the week that ends with the day
releases_per_week as (

    select
        counted.observed_on,
        cast(sum(releases_per_day.albums_released) as bigint) as albums_released_this_week

    from counted
    inner join releases_per_day
        on releases_per_day.release_date between counted.observed_on - 6 and counted.observed_on
    group by counted.observed_on

),

final as (

    select
        counted.*,
        cast(sum(counted.new_tracks) over (order by counted.observed_on) as bigint) as tracks_known,
        cast(sum(counted.new_albums) over (order by counted.observed_on) as bigint) as albums_known,
        cast(sum(counted.new_artists) over (order by counted.observed_on) as bigint) as artists_known,
        coalesce(releases_per_week.albums_released_this_week, 0) as albums_released_this_week

    from counted
    left join releases_per_week
        on counted.observed_on = releases_per_week.observed_on

)

select * from final
