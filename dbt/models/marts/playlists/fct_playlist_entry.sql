{#
    Stays of tracks on playlists. Any reading shows presence; only a complete one shows absence: a stay ends on
    the first complete reading without the track, and readings cut short neither end nor split it.

    Readings are known for ever, what stood on the list is not: a stay that began before what retention left is
    kept from the last build, and goes on where the first readings that are left have the track.
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
observations as (

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
        observations.*,
        reads.next_complete_on,
        reads.complete_reads_before - count(*) filter (where reads.is_complete) over (
            partition by observations.playlist_id, observations.track_id
            order by observations.observed_on rows between unbounded preceding and 1 preceding
        ) as absences_before

    from observations
    inner join reads
        on
            observations.playlist_id = reads.playlist_id
            and observations.observed_on = reads.observed_on

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

{% if is_built_before() %}
-- a stay of before, and the next complete reading after what was last observed of it then
kept as (

    select
        entries.playlist_id,
        entries.track_id,
        entries.is_entry_observed,
        entries.added_at,
        entries.entered_on,
        entries.last_observed_on,
        entries.last_position,
        min(reads.observed_on) as left_on

    from {{ this }} as entries
    left join reads
        on
            entries.playlist_id = reads.playlist_id
            and reads.is_complete
            and entries.last_observed_on < reads.observed_on
    where entries.entered_on < {{ history_retained_from() }}
    group by
        entries.playlist_id,
        entries.track_id,
        entries.is_entry_observed,
        entries.added_at,
        entries.entered_on,
        entries.last_observed_on,
        entries.last_position

),

-- parts of one stay overlap or follow each other with no complete reading without the track between
parts as (

    select * from stays
    union all
    select
        playlist_id,
        track_id,
        is_entry_observed,
        added_at,
        entered_on,
        last_observed_on,
        left_on,
        last_position
    from kept

),

linked as (

    select
        *,
        entered_on >= lag(left_on, 1, date '0001-01-01') over part_order as begins

    from parts
    window part_order as (partition by playlist_id, track_id order by entered_on, last_observed_on)

),

sequences as (

    select
        *,
        count(*) filter (where begins) over (
            partition by playlist_id, track_id
            order by entered_on, last_observed_on
        ) as stay_number

    from linked

),

joined_stays as (

    select
        playlist_id,
        track_id,
        (array_agg(is_entry_observed order by entered_on, last_observed_on))[1] as is_entry_observed,
        min(added_at) as added_at,
        min(entered_on) as entered_on,
        max(last_observed_on) as last_observed_on,
        (array_agg(left_on order by last_observed_on desc, entered_on desc))[1] as left_on,
        (array_agg(last_position order by last_observed_on desc, entered_on desc))[1] as last_position

    from sequences
    group by playlist_id, track_id, stay_number

),
{% endif %}

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

    from {{ 'joined_stays' if is_built_before() else 'stays' }}

)

select * from final
