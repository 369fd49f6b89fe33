-- As many plays in staging, in the fact and in the counts of the day; a first listen for each track that is played.
-- Of the days with a play that came after the last publication; on Sundays of all: see compared_from.
with

days as (
    select distinct user_hash, played_on from {{ ref('stg_plays') }} where load_seq >= {{ compared_from() }}
),

staged as (
    select
        days.user_hash,
        days.played_on,
        count(*) as plays,
        count(*) filter (where first_listens.record_id is null) as plays_without_first_listen
    from days
    -- `offset 0` has the index read day by day; it has the moment, not the date
    cross join lateral (
        select
            user_hash,
            track_id
        from {{ ref('stg_plays') }}
        where
            user_hash = days.user_hash
            and played_at >= cast(days.played_on as timestamp) at time zone 'UTC'
            and played_at < cast(days.played_on + 1 as timestamp) at time zone 'UTC'
        offset 0
    ) as plays
    left join {{ ref('fct_first_listen') }} as first_listens
        on
            first_listens.record_kind = 'track'
            and plays.user_hash = first_listens.user_hash
            and plays.track_id = first_listens.record_id
    group by days.user_hash, days.played_on
),

facts as (
    select
        days.user_hash,
        days.played_on,
        count(*) as plays,
        count(*) filter (where plays.is_first_listen_of_track) as first_listens
    from days
    cross join lateral (
        select is_first_listen_of_track
        from {{ ref('fct_play') }}
        where user_hash = days.user_hash and played_on = days.played_on
        offset 0
    ) as plays
    group by days.user_hash, days.played_on
)

select
    staged.user_hash,
    staged.played_on,
    staged.plays as staged_plays,
    facts.plays as fact_plays,
    daily.plays as day_plays,
    staged.plays_without_first_listen,
    facts.first_listens as fact_first_listens,
    daily.new_tracks as day_first_listens
from staged
left join facts
    on staged.user_hash = facts.user_hash and staged.played_on = facts.played_on
left join {{ ref('mart_listening_daily') }} as daily
    on staged.user_hash = daily.user_hash and staged.played_on = daily.played_on
where
    staged.plays is distinct from facts.plays
    or staged.plays is distinct from daily.plays
    or staged.plays_without_first_listen > 0
    or facts.first_listens is distinct from daily.new_tracks
