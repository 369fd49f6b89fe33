-- What was derived of rows that retention has removed is still there: the counts of each date that was read to its
-- end, the first listen of each day of listening, and that a playlist was read before a track entered it.
select
    'no counts' as problem,
    cast(source_daily."partition" as text) as of_what
from {{ ref('fct_source_daily') }} as source_daily
left join {{ ref('fct_catalogue_daily') }} as catalogue
    on source_daily."partition" = catalogue.observed_on
where source_daily.record_kind in ('track', 'album', 'artist') and source_daily.loaded > 0
group by source_daily."partition", catalogue.tracks_crawled
having catalogue.tracks_crawled is null

union all

select
    'first listens' as problem,
    cast(daily.played_on as text) as of_what
from {{ ref('mart_listening_daily') }} as daily
left join (
    select
        user_hash,
        first_played_on,
        count(*) as first_listens
    from {{ ref('fct_first_listen') }}
    where record_kind = 'track'
    group by user_hash, first_played_on
) as heard
    on daily.user_hash = heard.user_hash and daily.played_on = heard.first_played_on
where daily.new_tracks <> coalesce(heard.first_listens, 0)

union all

select
    'entry not observed' as problem,
    entries.playlist_id || ' ' || entries.track_id as of_what
from {{ ref('fct_playlist_entry') }} as entries
inner join (
    select
        list_id,
        min(observed_on) as first_complete_on
    from {{ ref('stg_list_reads') }}
    where list_kind = 'playlist' and is_complete
    group by list_id
) as reads
    on entries.playlist_id = reads.list_id
where not entries.is_entry_observed and entries.entered_on > reads.first_complete_on
