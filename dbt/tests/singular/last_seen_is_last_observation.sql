-- Each observation is between first_seen_on and last_seen_on of its track.
select
    observations.track_id,
    observations.observed_on,
    tracks.first_seen_on,
    tracks.last_seen_on
from {{ ref('fct_track_daily') }} as observations
inner join {{ ref('dim_track') }} as tracks
    on observations.track_id = tracks.track_id
where
    observations.load_seq >= {{ compared_from() }}
    and (
        observations.observed_on < tracks.first_seen_on
        or observations.observed_on > tracks.last_seen_on
    )
