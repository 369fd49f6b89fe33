-- Rows of the days from %(first)s to %(last)s (numbers, from 1) of a simulated year, as the loader writes them.
-- Every track, album and artist is observed every day. Popularity moves daily; a track changes its length every
-- 500 days on average; a playlist changes 2 of its 100 tracks a day; 10 listeners have 20 plays each.
-- Load 2n holds the catalogue of day n, load 2n + 1 its lists and plays.

insert into ops.source (name, kind, active, definition_sha256, first_planned_on, last_planned_on)
select source.name, source.kind, true, repeat('0', 64), %(start)s, %(start)s
from (values ('catalogue', 'artist'), ('lists', 'playlist')) as source (name, kind)
on conflict do nothing;

insert into ops.load (
    load_seq, partition, source, started_at, finished_at, inserted, updated, unchanged, complete, run_id, try_number
)
select
    2 * day + kind.number, %(start)s + day, kind.source,
    (%(start)s + day)::timestamptz + interval '1 hour', (%(start)s + day)::timestamptz + interval '2 hours',
    %(tracks)s, 0, 0, true, 'day ' || day, 1
from generate_series(%(first)s, %(last)s) as day
cross join (values (0, 'catalogue'), (1, 'lists')) as kind (number, source);

insert into ops.reconciliation (
    partition, source, record_kind, fetched, loaded, quarantined, duplicates, set_aside, complete, status, checked_at
)
select
    %(start)s + day, kind.source, kind.record_kind, kind.records, kind.records, 0, 0, 0, true, 'complete',
    (%(start)s + day)::timestamptz + interval '3 hours'
from generate_series(%(first)s, %(last)s) as day
cross join (
    values
        ('catalogue', 'track', %(tracks)s), ('catalogue', 'album', %(tracks)s / 10),
        ('catalogue', 'artist', %(tracks)s / 50), ('lists', 'playlist_item', %(tracks)s / 10)
) as kind (source, record_kind, records);

insert into staging.track_observations (
    track_id, observed_on, name, album_id, artist_ids, track_number, disc_number, duration_ms, explicit,
    listing_observed_at, listing_rank, listing_raw_key, isrc, detail_observed_at, detail_rank, detail_raw_key,
    popularity, popularity_observed_at, popularity_rank, popularity_raw_key, load_seq
)
select
    lpad(n::text, 22, 't'), %(start)s + day, 'Track ' || n, lpad((n / 10)::text, 22, 'a'),
    array[lpad((n / 50)::text, 22, 'r')], n %% 10 + 1, 1, 180000 + n %% 1000 + (day + n) / 500, false,
    moment, 1, key, 'USRC1' || lpad(n::text, 7, '0'), moment, 1, key,
    (hashint8(n * 1000 + day) & 3) + n %% 97, moment, 1, key, 2 * day
from generate_series(%(first)s, %(last)s) as day
cross join generate_series(0, %(tracks)s - 1) as n
cross join lateral (
    select
        (%(start)s + day)::timestamptz + interval '1 hour' as moment,
        'raw/ingest_date=' || (%(start)s + day) || '/source=catalogue/album-' || (n / 10) || '.json' as key
) as response;

insert into staging.album_observations (
    album_id, observed_on, name, album_type, total_tracks, release_date_raw, release_date_precision, artist_ids,
    listing_observed_at, listing_rank, listing_raw_key, popularity, popularity_observed_at, popularity_rank,
    popularity_raw_key, load_seq
)
select
    lpad(n::text, 22, 'a'), %(start)s + day, 'Album ' || n, 'album', 10, (%(start)s - n %% 10000)::text, 'day',
    array[lpad((n / 5)::text, 22, 'r')], moment, 1, 'raw/any.json',
    (hashint8(n * 1000 + day) & 3) + n %% 97, moment, 1, 'raw/any.json', 2 * day
from generate_series(%(first)s, %(last)s) as day
cross join generate_series(0, %(tracks)s / 10 - 1) as n
cross join lateral (select (%(start)s + day)::timestamptz + interval '1 hour' as moment) as response;

insert into staging.artist_observations (
    artist_id, observed_on, name, listing_observed_at, listing_rank, listing_raw_key,
    popularity, followers, popularity_observed_at, popularity_rank, popularity_raw_key, load_seq
)
select
    lpad(n::text, 22, 'r'), %(start)s + day, 'Artist ' || n, moment, 1, 'raw/any.json',
    (hashint8(n * 1000 + day) & 3) + n %% 97, n * 10 + day, moment, 1, 'raw/any.json', 2 * day
from generate_series(%(first)s, %(last)s) as day
cross join generate_series(0, %(tracks)s / 50 - 1) as n
cross join lateral (select (%(start)s + day)::timestamptz + interval '1 hour' as moment) as response;

insert into staging.playlist_observations (
    playlist_id, observed_on, name, is_public, is_collaborative, listing_observed_at, listing_rank, listing_raw_key,
    load_seq
)
select
    lpad(n::text, 22, 'p'), %(start)s + day, 'Playlist ' || n, true, false,
    (%(start)s + day)::timestamptz + interval '1 hour', 1, 'raw/any.json', 2 * day + 1
from generate_series(%(first)s, %(last)s) as day
cross join generate_series(0, %(tracks)s / 1000 - 1) as n;

insert into staging.list_reads (
    list_kind, list_id, observed_on, complete, item_count, observed_at, raw_key, load_seq
)
select
    list.kind, list.id, %(start)s + day, true, list.items, (%(start)s + day)::timestamptz + interval '1 hour',
    'raw/any.json', 2 * day + 1
from generate_series(%(first)s, %(last)s) as day
cross join (
    select 'playlist' as kind, lpad(n::text, 22, 'p') as id, 100 as items
    from generate_series(0, %(tracks)s / 1000 - 1) as n
    union all
    select 'saved_tracks', lpad(n::text, 16, '0'), 100 from generate_series(1, 10) as n
    union all
    select 'top_tracks', lpad(n::text, 16, '0') || ':' || time_range, 50
    from generate_series(1, 10) as n
    cross join unnest(array['short_term', 'medium_term', 'long_term']) as time_range
) as list;

-- a place of a playlist has another track every 50 days
insert into staging.playlist_membership (
    playlist_id, observed_on, position, track_id, item_kind, added_at, complete, load_seq
)
select
    lpad(n::text, 22, 'p'), %(start)s + day, place,
    lpad(((hashint8(n * 100000 + place * 1000 + (day + place / 2) / 50) & 1048575) %% %(tracks)s)::text, 22, 't'),
    'track', null, true, 2 * day + 1
from generate_series(%(first)s, %(last)s) as day
cross join generate_series(0, %(tracks)s / 1000 - 1) as n
cross join generate_series(0, 99) as place;

insert into staging.top_tracks (
    user_hash, time_range, observed_on, rank, track_id, observed_at, raw_key, load_seq
)
select
    lpad(n::text, 16, '0'), time_range, %(start)s + day, place,
    lpad(((hashint8(n * 1000000 + (place + day / 7) * 10) & 1048575) %% %(tracks)s)::text, 22, 't'),
    (%(start)s + day)::timestamptz + interval '1 hour', 'raw/any.json', 2 * day + 1
from generate_series(%(first)s, %(last)s) as day
cross join generate_series(1, 10) as n
cross join unnest(array['short_term', 'medium_term', 'long_term']) as time_range
cross join generate_series(1, 50) as place;

insert into staging.plays (
    user_hash, played_at, track_id, context_type, observed_at, raw_key, first_seen_on, load_seq
)
select
    lpad(n::text, 16, '0'), (%(start)s + day)::timestamptz + place * interval '4 minutes',
    lpad(((hashint8(n * 1000000 + day * 100 + place) & 1048575) %% %(tracks)s)::text, 22, 't'),
    'album', (%(start)s + day)::timestamptz + interval '2 hours', 'raw/any.json', %(start)s + day, 2 * day + 1
from generate_series(%(first)s, %(last)s) as day
cross join generate_series(1, 10) as n
cross join generate_series(1, 20) as place;

insert into staging.saved_tracks (
    user_hash, track_id, added_at, observed_at, raw_key, first_seen_on, last_seen_on, load_seq
)
select
    lpad(n::text, 16, '0'), lpad((n * 100 + place)::text, 22, 't'), null,
    (%(start)s + %(last)s)::timestamptz, 'raw/any.json', %(start)s + %(first)s, %(start)s + %(last)s,
    2 * %(last)s + 1
from generate_series(1, 10) as n
cross join generate_series(1, 100) as place
on conflict (user_hash, track_id) do update set
    last_seen_on = excluded.last_seen_on, load_seq = excluded.load_seq;

insert into staging.source_records (source, record_kind, record_id, first_seen_on, last_seen_on, load_seq)
select
    record.source, record.kind, record.id, %(start)s + %(first)s, %(start)s + %(last)s, 2 * %(last)s + record.number
from (
    select 'catalogue' as source, 'track' as kind, lpad(n::text, 22, 't') as id, 0 as number
    from generate_series(0, %(tracks)s - 1) as n
    union all
    select 'catalogue', 'album', lpad(n::text, 22, 'a'), 0 from generate_series(0, %(tracks)s / 10 - 1) as n
    union all
    select 'catalogue', 'artist', lpad(n::text, 22, 'r'), 0 from generate_series(0, %(tracks)s / 50 - 1) as n
    union all
    select 'lists', 'playlist', lpad(n::text, 22, 'p'), 1 from generate_series(0, %(tracks)s / 1000 - 1) as n
) as record
on conflict (source, record_kind, record_id) do update set
    last_seen_on = excluded.last_seen_on, load_seq = excluded.load_seq;
