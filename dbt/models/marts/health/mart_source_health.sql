{#
    Compared with the newest partition of any source, not with a clock: the same data gives the same table.
#}
{{ config(indexes=[{'columns': ['source'], 'unique': true}]) }}

with sources as (

    select * from {{ ref('stg_sources') }}

),

-- a partition of a source is as good as the worst of its record kinds
partitions as (

    select
        source,
        "partition" as partition_date,
        sum(loaded) as records_loaded,
        sum(quarantined) as records_quarantined,
        case
            when bool_or(status = 'failed') then 'failed'
            when bool_or(status = 'partial') then 'partial'
            else 'complete'
        end as status

    from {{ ref('fct_source_daily') }}
    group by source, "partition"

),

newest as (

    select max(partition_date) as newest_partition from partitions

),

per_source as (

    select
        source,
        cast(count(*) as integer) as partitions,
        cast(count(*) filter (where status = 'complete') as integer) as complete_partitions,
        cast(count(*) filter (where status = 'partial') as integer) as partial_partitions,
        cast(count(*) filter (where status = 'failed') as integer) as failed_partitions,
        max(partition_date) as last_partition,
        max(partition_date) filter (where status = 'complete') as last_complete_partition,
        cast(sum(records_loaded) as bigint) as records_loaded,
        cast(sum(records_quarantined) as bigint) as records_quarantined

    from partitions
    group by source

),

-- of the albums that a source lists now; one that has more tracks than it claims is whole
coverage as (

    select
        listings.source,
        sum(albums.total_tracks) as tracks_claimed,
        sum(least(albums.known_track_count, albums.total_tracks)) as tracks_known

    from {{ ref('fct_listing') }} as listings
    inner join {{ ref('dim_album') }} as albums
        on listings.record_id = albums.album_id
    where listings.record_kind = 'album' and listings.is_listed
    group by listings.source

),

loads as (

    select
        source_name,
        max(finished_at) as loaded_at

    from {{ ref('stg_loads') }}
    group by source_name

),

final as (

    select
        sources.source_name as source,
        sources.source_kind,
        sources.is_active,
        coalesce(per_source.partitions, 0) as partitions,
        coalesce(per_source.complete_partitions, 0) as complete_partitions,
        coalesce(per_source.partial_partitions, 0) as partial_partitions,
        coalesce(per_source.failed_partitions, 0) as failed_partitions,
        cast(
            per_source.complete_partitions / cast(per_source.partitions as numeric) as numeric(4, 3)
        ) as completeness,
        coverage.tracks_claimed,
        coverage.tracks_known,
        cast(coverage.tracks_known / nullif(cast(coverage.tracks_claimed as numeric), 0) as numeric(4, 3))
            as track_coverage,
        per_source.last_partition,
        per_source.last_complete_partition,
        newest.newest_partition - per_source.last_complete_partition as days_behind,
        coalesce(per_source.records_loaded, 0) as records_loaded,
        coalesce(per_source.records_quarantined, 0) as records_quarantined,
        loads.loaded_at

    from sources
    cross join newest
    left join per_source
        on sources.source_name = per_source.source
    left join coverage
        on sources.source_name = coverage.source
    left join loads
        on sources.source_name = loads.source_name

)

select * from final
