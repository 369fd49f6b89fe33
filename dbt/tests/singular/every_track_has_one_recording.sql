-- Each track belongs to exactly one recording.
select recordings.track_count as recorded_tracks, tracks.track_count as all_tracks
from (select coalesce(sum(track_count), 0) as track_count from {{ ref('dim_recording') }}) as recordings
cross join (select count(*) as track_count from {{ ref('dim_track') }}) as tracks
where recordings.track_count <> tracks.track_count
