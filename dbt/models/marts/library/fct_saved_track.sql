{#
    A track was unsaved on the first complete reading of the library without it. One that is saved again is the same
    row: the time in between is not kept.
#}
{{
    config(
        indexes=[
            {'columns': ['user_hash', 'track_id'], 'unique': true},
            {'columns': ['track_id']},
            {'columns': ['unsaved_on']},
        ]
    )
}}

with saved as (

    select * from {{ ref('stg_saved_tracks') }}

),

complete_reads as (

    select
        list_id as user_hash,
        observed_on,
        begun_at

    from {{ ref('stg_list_reads') }}
    where list_kind = 'saved_tracks' and is_complete

),

unsaved as (

    select
        saved.user_hash,
        saved.track_id,
        min(complete_reads.observed_on) as unsaved_on

    from saved
    inner join complete_reads
        on
            saved.user_hash = complete_reads.user_hash
            and (
                saved.last_seen_on < complete_reads.observed_on
                or (
                    saved.last_seen_on = complete_reads.observed_on
                    and saved.last_seen_at < complete_reads.begun_at
                )
            )
    group by saved.user_hash, saved.track_id

),

final as (

    select
        saved.user_hash,
        saved.track_id,
        saved.saved_at,
        saved.first_seen_on,
        saved.last_seen_on,
        unsaved.unsaved_on,
        unsaved.unsaved_on is null as is_saved

    from saved
    left join unsaved
        on
            saved.user_hash = unsaved.user_hash
            and saved.track_id = unsaved.track_id

)

select * from final
