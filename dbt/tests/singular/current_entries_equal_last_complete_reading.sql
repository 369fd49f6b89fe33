-- The tracks that are still on a playlist are those of its last complete reading, and any that a later,
-- shorter one brought.
with

expected as (
    select distinct playlists.playlist_id, items.track_id
    from {{ ref('dim_playlist') }} as playlists
    -- `offset 0` has the index read playlist by playlist
    cross join lateral (
        select track_id
        from {{ ref('stg_playlist_items') }}
        where
            playlist_id = playlists.playlist_id
            and observed_on >= coalesce(playlists.last_complete_on, date '0001-01-01')
            and track_id is not null
        offset 0
    ) as items
),

current_entries as (
    select playlist_id, track_id
    from {{ ref('fct_playlist_entry') }}
    where is_current
),

missing as (
    select * from expected
    except all
    select * from current_entries
),

invented as (
    select * from current_entries
    except all
    select * from expected
)

select 'missing' as difference, playlist_id, track_id from missing
union all
select 'invented' as difference, playlist_id, track_id from invented
