{#
    Stays of tracks on playlists. Any reading shows presence; only a complete one shows absence: a stay ends on
    the first complete reading without the track, and readings cut short neither end nor split it.

    Incremental: of a playlist with a new reading, stays are computed from the date of that reading on, and joined
    with those that were open then. Readings are known for ever, what stood on the list is not: a stay that began
    before what retention left is continued from the last build in the same way.
#}
{{
    config(
        materialized='incremental',
        unique_key=['playlist_id', 'track_id', 'entered_on'],
        incremental_strategy='delete+insert',
        on_schema_change='fail',
        indexes=[
            {'columns': ['playlist_id', 'track_id', 'entered_on'], 'unique': true},
            {'columns': ['track_id']},
            {'columns': ['left_on']},
        ],
        pre_hook=[
            "{{ begin_watermark(this) }}",
            "{{ delete_changed(this, changed_lists('playlist', ref('stg_playlist_items'), 'playlist_id'), 'playlist_id', 'entered_on') }}",
        ],
        post_hook=[
            "{{ delete_vanished(this, ref('stg_list_reads'), {'playlist_id': 'list_id'}) }}",
            "{{ end_watermark(this) }}",
        ]
    )
}}

with lists as (

    {{ changed_lists('playlist', ref('stg_playlist_items'), 'playlist_id') }}

),

reads as (

    select
        list_reads.list_id as playlist_id,
        list_reads.observed_on,
        list_reads.is_complete,
        count(*) filter (where list_reads.is_complete) over earlier as complete_reads_before,
        min(list_reads.observed_on) filter (where list_reads.is_complete) over later as next_complete_on

    from {{ ref('stg_list_reads') }} as list_reads
    inner join lists
        on list_reads.list_id = lists.list_id
    where list_reads.list_kind = 'playlist'
    window
        earlier as (
            partition by list_reads.list_id
            order by list_reads.observed_on rows between unbounded preceding and 1 preceding
        ),
        later as (
            partition by list_reads.list_id
            order by list_reads.observed_on rows between 1 following and unbounded following
        )

),

-- a track that a playlist holds twice is on it once; `offset 0` has the index read list by list
observations as (

    select
        items.playlist_id,
        items.track_id,
        items.observed_on,
        min(items.added_at) as added_at,
        min(items.item_position) as item_position

    from lists
    cross join lateral (
        select
            playlist_id,
            track_id,
            observed_on,
            added_at,
            item_position
        from {{ ref('stg_playlist_items') }}
        where
            playlist_id = lists.list_id
            and observed_on >= lists.changed_from
            and track_id is not null
        offset 0
    ) as items
    group by items.playlist_id, items.track_id, items.observed_on

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
-- stays that began before the changed date, as they were until then. If the items are gone, the complete readings
-- since its entry prove that the track was on the list: one without it would have ended the stay
kept as (

    select
        entries.playlist_id,
        entries.track_id,
        entries.is_entry_observed,
        entries.entered_on,
        case
            when entries.last_observed_on < lists.changed_from then entries.last_observed_on
            else coalesce(earlier.last_observed_on, proven.last_complete_on, entries.entered_on)
        end as last_observed_on,
        case
            when entries.last_observed_on < lists.changed_from then entries.last_position
            else coalesce(earlier.last_position, entries.last_position)
        end as last_position,
        case
            when entries.last_observed_on < lists.changed_from or earlier.last_observed_on is null
                then entries.added_at
            else earlier.added_at
        end as added_at,
        entries.left_on as known_left_on,
        lists.changed_from

    from {{ this }} as entries
    inner join lists
        on entries.playlist_id = lists.list_id
    left join lateral (
        select
            max(items.observed_on) as last_observed_on,
            min(items.added_at) as added_at,
            (array_agg(items.item_position order by items.observed_on desc, items.item_position asc))[1]
                as last_position
        from {{ ref('stg_playlist_items') }} as items
        where
            entries.last_observed_on >= lists.changed_from
            and items.playlist_id = entries.playlist_id
            and items.track_id = entries.track_id
            and items.observed_on >= entries.entered_on
            and items.observed_on < lists.changed_from
    ) as earlier
        on true
    left join lateral (
        select max(reads.observed_on) as last_complete_on
        from reads
        where
            entries.last_observed_on >= lists.changed_from
            and earlier.last_observed_on is null
            and reads.playlist_id = entries.playlist_id
            and reads.is_complete
            and reads.observed_on >= entries.entered_on
            and reads.observed_on < lists.changed_from
    ) as proven
        on true
    where
        entries.entered_on < lists.changed_from
        {% if is_incremental() %}
        and (entries.left_on is null or entries.left_on >= lists.changed_from)
        {% endif %}

),

-- each stay, and the first complete reading after what is known of it
continued as (

    select
        kept.playlist_id,
        kept.track_id,
        kept.is_entry_observed,
        kept.added_at,
        kept.entered_on,
        kept.last_observed_on,
        case
            when kept.known_left_on < kept.changed_from then kept.known_left_on
            else min(reads.observed_on)
        end as left_on,
        kept.last_position

    from kept
    left join reads
        on
            kept.playlist_id = reads.playlist_id
            and reads.is_complete
            and kept.last_observed_on < reads.observed_on
    group by
        kept.playlist_id,
        kept.track_id,
        kept.is_entry_observed,
        kept.added_at,
        kept.entered_on,
        kept.last_observed_on,
        kept.known_left_on,
        kept.changed_from,
        kept.last_position

),

-- parts of one stay follow each other with no complete reading without the track between
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
    from continued

),

linked as (

    select
        *,
        entered_on > lag(left_on, 1, date '0001-01-01') over part_order as begins

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
