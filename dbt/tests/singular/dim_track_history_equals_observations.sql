-- Each observation lies in a window with the values that it said; what it did not say may be any. The history does
-- not take in observations of a date before which retention has removed it.
select
    observations.track_id,
    observations.observed_on,
    history.valid_from
from {{ ref('stg_track_observations') }} as observations
left join {{ ref('dim_track_history') }} as history
    on
        observations.track_id = history.track_id
        and observations.observed_on >= history.valid_from
        and (history.valid_to is null or observations.observed_on < history.valid_to)
where
    observations.load_seq >= {{ compared_from() }}
    and observations.observed_on >= {{ history_retained_from() }}
    and (
        history.track_id is null
        or observations.track_name is distinct from history.track_name
        or observations.album_id is distinct from history.album_id
        or observations.primary_artist_id is distinct from history.primary_artist_id
        or observations.duration_ms is distinct from history.duration_ms
        or observations.is_explicit is distinct from history.is_explicit
        or observations.is_playable <> history.is_playable
        or observations.isrc <> history.isrc
    )
