-- Every track is new on exactly one day.
select daily.track_count as new_tracks, total.track_count as all_tracks
from (select coalesce(sum(new_tracks), 0) as track_count from {{ ref('fct_catalogue_daily') }}) as daily
cross join (select count(*) as track_count from {{ ref('dim_track') }}) as total
where daily.track_count <> total.track_count
