-- A track with credits has exactly one first artist, the one in dim_track.
select
    tracks.track_id,
    tracks.primary_artist_id,
    credit.artist_id
from {{ ref('dim_track') }} as tracks
full outer join (
    select track_id, artist_id from {{ ref('bridge_track_artist') }} where is_primary
) as credit
    on tracks.track_id = credit.track_id
where tracks.primary_artist_id is distinct from credit.artist_id
