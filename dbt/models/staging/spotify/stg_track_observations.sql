-- without a WITH clause: Postgres does not merge a view that has one into the query, and would then sort all
-- observations of a track to find the newest
select
    -- ids
    track_id,
    album_id,
    artist_ids[1] as primary_artist_id,
    {{ normalised_isrc('isrc') }} as isrc,

    -- text
    name as track_name,

    -- numbers
    duration_ms,
    popularity,

    -- booleans
    explicit as is_explicit,
    is_playable,

    -- dates
    observed_on,

    -- lineage
    load_seq

from {{ source('spotify', 'track_observations') }}
