-- Tracks of the reading before, plus what entered, less what left, are the tracks of this one.
with readings as (
    select
        playlist_id,
        observed_on,
        tracks_on_playlist,
        tracks_entered,
        tracks_left,
        lag(tracks_on_playlist) over (partition by playlist_id order by observed_on) as tracks_before
    from {{ ref('mart_playlist_churn') }}
)

select *
from readings
where tracks_before + tracks_entered - tracks_left <> tracks_on_playlist
