-- As many plays in staging, in the fact and in the days; a first listen for each track that a user plays.
-- Days whose plays retention has removed keep their counts, and are left out.
with

staged as (
    select count(*) as plays, count(distinct (user_hash, track_id)) as tracks from {{ ref('stg_plays') }}
),

facts as (
    select
        count(*) as plays,
        count(*) filter (where is_first_listen_of_track) as first_listens,
        count(distinct (user_hash, track_id)) filter (where is_first_listen_of_track is not null) as tracks
    from {{ ref('fct_play') }}
),

days as (
    select coalesce(sum(plays), 0) as plays, coalesce(sum(new_tracks), 0) as first_listens
    from {{ ref('mart_listening_daily') }}
    where played_on >= {{ plays_retained_from() }}
)

select
    staged.plays as staged_plays,
    facts.plays as fact_plays,
    days.plays as day_plays,
    staged.tracks as staged_tracks,
    facts.tracks as fact_tracks,
    facts.first_listens as fact_first_listens,
    days.first_listens as day_first_listens
from staged
cross join facts
cross join days
where
    staged.plays <> facts.plays
    or facts.plays <> days.plays
    or staged.tracks <> facts.tracks
    or facts.first_listens <> days.first_listens
