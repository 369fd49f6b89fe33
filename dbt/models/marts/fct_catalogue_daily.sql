{{ config(indexes=[{'columns': ['observed_on'], 'unique': true}]) }}

with observed as (

    select observed_on, 'track' as record_kind from {{ ref('stg_track_observations') }}
    union all
    select observed_on, 'album' as record_kind from {{ ref('stg_album_observations') }}
    union all
    select observed_on, 'artist' as record_kind from {{ ref('stg_artist_observations') }}

),

first_seen as (

    select first_seen_on, 'track' as record_kind from {{ ref('stg_tracks') }}
    union all
    select first_seen_on, 'album' as record_kind from {{ ref('stg_albums') }}
    union all
    select first_seen_on, 'artist' as record_kind from {{ ref('stg_artists') }}

),

observed_per_day as (

    select
        observed_on,
        count(*) filter (where record_kind = 'track') as tracks_observed,
        count(*) filter (where record_kind = 'album') as albums_observed,
        count(*) filter (where record_kind = 'artist') as artists_observed

    from observed
    group by observed_on

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

counted as (

    select
        coalesce(observed_per_day.observed_on, new_per_day.first_seen_on) as observed_on,
        coalesce(observed_per_day.tracks_observed, 0) as tracks_observed,
        coalesce(observed_per_day.albums_observed, 0) as albums_observed,
        coalesce(observed_per_day.artists_observed, 0) as artists_observed,
        coalesce(new_per_day.new_tracks, 0) as new_tracks,
        coalesce(new_per_day.new_albums, 0) as new_albums,
        coalesce(new_per_day.new_artists, 0) as new_artists

    from observed_per_day
    full outer join new_per_day
        on observed_per_day.observed_on = new_per_day.first_seen_on

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
        cast(sum(counted.new_tracks) over (order by counted.observed_on) as bigint) as tracks_total,
        cast(sum(counted.new_albums) over (order by counted.observed_on) as bigint) as albums_total,
        cast(sum(counted.new_artists) over (order by counted.observed_on) as bigint) as artists_total,
        coalesce(releases_per_week.albums_released_this_week, 0) as albums_released_this_week

    from counted
    left join releases_per_week
        on counted.observed_on = releases_per_week.observed_on

)

select * from final
