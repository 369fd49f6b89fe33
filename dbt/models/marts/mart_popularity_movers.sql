{#
    The newest known popularity of each track against the one known before it, by index and not by a window over
    the whole history. Empty for an app that gets no popularity: then no track has any, and none is looked up.
#}
{{
    config(
        indexes=[
            {'columns': ['track_id'], 'unique': true},
            {'columns': ['popularity_change']},
            {'columns': ['observed_on']},
        ]
    )
}}

with tracks as (

    select * from {{ ref('dim_track') }}
    where popularity is not null

),

final as (

    select
        tracks.track_id,
        tracks.track_name,
        tracks.primary_artist_id,
        tracks.primary_artist_name,
        newest.observed_on,
        newest.popularity,
        previous.observed_on as previous_observed_on,
        previous.popularity as previous_popularity,
        cast(newest.popularity - previous.popularity as integer) as popularity_change

    from tracks
    cross join lateral (
        select
            observations.observed_on,
            observations.popularity
        from {{ ref('fct_track_daily') }} as observations
        where
            observations.track_id = tracks.track_id
            and observations.popularity is not null
        order by observations.observed_on desc
        limit 1
    ) as newest
    cross join lateral (
        select
            observations.observed_on,
            observations.popularity
        from {{ ref('fct_track_daily') }} as observations
        where
            observations.track_id = tracks.track_id
            and observations.popularity is not null
            and observations.observed_on < newest.observed_on
        order by observations.observed_on desc
        limit 1
    ) as previous
    where newest.popularity <> previous.popularity

)

select * from final
