{#
    What was read on a date is how far the crawl came: albums that did not change are not read again.
    These counts stay when retention removes the observations.
#}
{{ config(indexes=[{'columns': ['observed_on'], 'unique': true}]) }}

with first_seen as (

    select first_seen_on, 'track' as record_kind from {{ ref('stg_tracks') }}
    union all
    select first_seen_on, 'album' as record_kind from {{ ref('stg_albums') }}
    union all
    select first_seen_on, 'artist' as record_kind from {{ ref('stg_artists') }}

),

crawled_per_kind as (

    select observed_on, 'track' as record_kind, count(*) as crawled from {{ ref('stg_track_observations') }}
    group by observed_on
    union all
    select observed_on, 'album' as record_kind, count(*) as crawled from {{ ref('stg_album_observations') }}
    group by observed_on
    union all
    select observed_on, 'artist' as record_kind, count(*) as crawled from {{ ref('stg_artist_observations') }}
    group by observed_on

),

crawled_per_day as (

    select
        observed_on,
        cast(coalesce(sum(crawled) filter (where record_kind = 'track'), 0) as bigint) as tracks_crawled,
        cast(coalesce(sum(crawled) filter (where record_kind = 'album'), 0) as bigint) as albums_crawled,
        cast(coalesce(sum(crawled) filter (where record_kind = 'artist'), 0) as bigint) as artists_crawled

    from crawled_per_kind
    {% if is_built_before() -%}
    where observed_on >= {{ history_retained_from() }}
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
        where observed_on < {{ history_retained_from() }} and tracks_crawled is not null
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

-- the week that ends with the day; a release date of year or month precision is not a day
releases_per_week as (

    select
        counted.observed_on,
        count(*) as albums_released_this_week

    from counted
    inner join {{ ref('stg_albums') }} as albums
        on albums.release_date between counted.observed_on - 6 and counted.observed_on
    where albums.release_date_precision = 'day'
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
