-- The last day's totals are the rows of the dimensions.
with last_day as (
    select * from {{ ref('fct_catalogue_daily') }}
    order by observed_on desc
    limit 1
)

select *
from last_day
where
    tracks_total <> (select count(*) from {{ ref('dim_track') }})
    or albums_total <> (select count(*) from {{ ref('dim_album') }})
    or artists_total <> (select count(*) from {{ ref('dim_artist') }})
