-- The incremental table holds what a full refresh would give, row by row.
with

observations as (
    select track_id, observed_on, album_id, primary_artist_id, popularity, is_playable, duration_ms, load_seq
    from {{ ref('stg_track_observations') }}
    where load_seq >= {{ compared_from() }}
),

facts as (
    select track_id, observed_on, album_id, primary_artist_id, popularity, is_playable, duration_ms, load_seq
    from {{ ref('fct_track_daily') }}
    where load_seq >= {{ compared_from() }}
),

missing as (
    select * from observations
    except
    select * from facts
),

invented as (
    select * from facts
    except
    select * from observations
)

select 'missing' as difference, track_id, observed_on from missing
union all
select 'invented' as difference, track_id, observed_on from invented
