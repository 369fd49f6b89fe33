-- Each observed id has a history, each history belongs to an observed id, and it has one last window.
select
    observed.track_id as observed_track_id,
    history.track_id as history_track_id,
    history.current_windows
from (select distinct track_id from {{ ref('fct_track_daily') }}) as observed
full outer join (
    select track_id, count(*) filter (where is_current) as current_windows
    from {{ ref('dim_track_history') }}
    group by track_id
) as history
    on observed.track_id = history.track_id
where history.current_windows is distinct from 1 or observed.track_id is null
