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
    order by list_id asc, observed_on desc

),

listings as (

    {{ listings('playlist') }}

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
        listings.first_listed_on,
        listings.left_on,
        coalesce(listings.is_active, false) as is_active

    from playlists
    left join last_complete_reads
        on playlists.playlist_id = last_complete_reads.playlist_id
    left join listings
        on playlists.playlist_id = listings.record_id

)

select * from final
