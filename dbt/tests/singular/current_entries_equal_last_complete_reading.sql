-- The tracks that are still on a playlist are those of its last complete reading, and any that a later,
-- shorter one brought.
with

expected as (
    select distinct items.playlist_id, items.track_id
    from {{ ref('stg_playlist_items') }} as items
    left join {{ ref('dim_playlist') }} as playlists
        on items.playlist_id = playlists.playlist_id
    where
        items.track_id is not null
        and items.observed_on >= coalesce(playlists.last_complete_on, items.observed_on)
),

current_entries as (
    select playlist_id, track_id
    from {{ ref('fct_playlist_entry') }}
    where is_current
)

(select 'missing' as difference, missing.* from (select * from expected except all select * from current_entries) as missing)
union all
(select 'invented' as difference, invented.* from (select * from current_entries except all select * from expected) as invented)
