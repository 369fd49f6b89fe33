{{ config(indexes=[{'columns': ['playlist_id'], 'unique': true}, {'columns': ['playlist_name']}]) }}

with playlists as (

    select * from {{ ref('stg_playlists') }}

),

last_complete_reads as (

    select distinct on (list_id)
        list_id as playlist_id,
        observed_on as last_complete_on,
        item_count

    from {{ ref('stg_list_reads') }}
    where list_kind = 'playlist' and is_complete
    order by list_id, observed_on desc

),

active_playlists as (

    select record_id as playlist_id
    from {{ ref('int_active_records') }}
    where record_kind = 'playlist'

),

final as (

    select
        playlists.playlist_id,
        playlists.playlist_name,
        playlists.description,
        playlists.owner_hash,
        playlists.is_public,
        playlists.is_collaborative,
        last_complete_reads.item_count,
        last_complete_reads.last_complete_on,
        {{ spotify_url('playlist', 'playlists.playlist_id') }} as spotify_url,
        playlists.first_seen_on,
        playlists.last_seen_on,
        active_playlists.playlist_id is not null as is_active

    from playlists
    left join last_complete_reads
        on playlists.playlist_id = last_complete_reads.playlist_id
    left join active_playlists
        on playlists.playlist_id = active_playlists.playlist_id

)

select * from final
