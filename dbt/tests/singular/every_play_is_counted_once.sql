-- As many plays in staging, in the fact and in the days; as many first listens as users have tracks.
with

staged as (
    select count(*) as plays, count(distinct (user_hash, track_id)) as first_listens from {{ ref('stg_plays') }}
),

facts as (
    select count(*) as plays, count(*) filter (where is_first_listen_of_track) as first_listens
    from {{ ref('fct_play') }}
),

days as (
    select coalesce(sum(plays), 0) as plays, coalesce(sum(new_tracks), 0) as first_listens
    from {{ ref('mart_listening_daily') }}
)

select
    staged.plays as staged_plays,
    facts.plays as fact_plays,
    days.plays as day_plays,
    staged.first_listens as staged_first_listens,
    facts.first_listens as fact_first_listens,
    days.first_listens as day_first_listens
from staged
cross join facts
cross join days
where
    staged.plays <> facts.plays
    or facts.plays <> days.plays
    or staged.first_listens <> facts.first_listens
    or facts.first_listens <> days.first_listens
