{#
    Stays of tracks on playlists. Any reading shows presence; only a complete one shows absence: a stay ends on
    the first complete reading without the track, and readings cut short neither end nor split it.
#}
{{
    config(
        indexes=[
            {'columns': ['playlist_id', 'track_id', 'entered_on'], 'unique': true},
            {'columns': ['track_id']},
            {'columns': ['left_on']},
        ]
    )
}}

with reads as (

    select
        list_id as playlist_id,
        observed_on,
        is_complete,
        count(*) filter (where is_complete) over earlier as complete_reads_before,
        min(observed_on) filter (where is_complete) over later as next_complete_on

    from {{ ref('stg_list_reads') }}
    where list_kind = 'playlist'
    window
        earlier as (
            partition by list_id
            order by observed_on rows between unbounded preceding and 1 preceding
        ),
        later as (
            partition by list_id
            order by observed_on rows between 1 following and unbounded following
        )

),

-- a track that a playlist holds twice is on it once
observed as (

    select
        playlist_id,
        track_id,
        observed_on,
        min(added_at) as added_at,
        min(item_position) as item_position

    from {{ ref('stg_playlist_items') }}
    where track_id is not null
    group by playlist_id, track_id, observed_on

),

-- complete readings before this one, minus those with the track: readings without it
numbered as (

    select
        observed.*,
        reads.next_complete_on,
        reads.complete_reads_before - count(*) filter (where reads.is_complete) over (
            partition by observed.playlist_id, observed.track_id
            order by observed.observed_on rows between unbounded preceding and 1 preceding
        ) as absences_before

    from observed
    inner join reads
        on
            observed.playlist_id = reads.playlist_id
            and observed.observed_on = reads.observed_on

),

stays as (

    select
        playlist_id,
        track_id,
        absences_before > 0 as is_entry_observed,
        min(added_at) as added_at,
        min(observed_on) as entered_on,
        max(observed_on) as last_observed_on,
        (array_agg(next_complete_on order by observed_on desc))[1] as left_on,
        (array_agg(item_position order by observed_on desc))[1] as last_position

    from numbered
    group by playlist_id, track_id, absences_before

),

final as (

    select
        playlist_id,
        track_id,
        entered_on,
        left_on,
        last_observed_on,
        is_entry_observed,
        left_on is null as is_current,
        left_on - entered_on as days_on_playlist,
        added_at,
        last_position

    from stays

)

select * from final
