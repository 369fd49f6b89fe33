{#
    An artist was unfollowed on the first complete reading of the list without it. One that is followed again is the
    same row: the time in between is not kept.
#}
{{
    config(
        indexes=[
            {'columns': ['user_hash', 'artist_id'], 'unique': true},
            {'columns': ['artist_id']},
            {'columns': ['unfollowed_on']},
        ]
    )
}}

with followed as (

    select * from {{ ref('stg_followed_artists') }}

),

complete_reads as (

    select
        list_id as user_hash,
        observed_on,
        begun_at

    from {{ ref('stg_list_reads') }}
    where list_kind = 'followed_artists' and is_complete

),

unfollowed as (

    select
        followed.user_hash,
        followed.artist_id,
        min(complete_reads.observed_on) as unfollowed_on

    from followed
    inner join complete_reads
        on
            followed.user_hash = complete_reads.user_hash
            and (
                followed.last_seen_on < complete_reads.observed_on
                or (
                    followed.last_seen_on = complete_reads.observed_on
                    and followed.last_seen_at < complete_reads.begun_at
                )
            )
    group by followed.user_hash, followed.artist_id

),

final as (

    select
        followed.user_hash,
        followed.artist_id,
        followed.first_seen_on,
        followed.last_seen_on,
        unfollowed.unfollowed_on,
        unfollowed.unfollowed_on is null as is_followed

    from followed
    left join unfollowed
        on
            followed.user_hash = unfollowed.user_hash
            and followed.artist_id = unfollowed.artist_id

)

select * from final
