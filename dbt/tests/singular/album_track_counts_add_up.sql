-- Tracks counted per album, and tracks that name a known album, are the same tracks.
with

counted as (
    select coalesce(sum(known_track_count), 0) as track_count from {{ ref('dim_album') }}
),

listed as (
    select count(*) as track_count
    from {{ ref('dim_track') }} as tracks
    inner join {{ ref('dim_album') }} as albums
        on tracks.album_id = albums.album_id
)

select counted.track_count as counted_tracks, listed.track_count as listed_tracks
from counted
cross join listed
where counted.track_count <> listed.track_count
