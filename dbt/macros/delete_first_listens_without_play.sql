{#
    Delete first listens of which the play is gone or is one of another artist, and for which there was no other
    play. Those of plays that retention has removed stay.
#}
{% macro delete_first_listens_without_play(table) -%}
    {% if is_incremental() %}
    delete from {{ table }} as known
    where
        known.first_played_on >= {{ plays_retained_from() }}
        {% if not is_anything_removed(by_erasure=true) %}
        and (known.user_hash, known.first_played_on, known.first_played_at, known.first_track_id) in (
            select user_hash, played_on, played_at, track_id
            from {{ ref('int_plays') }}
            where load_seq > {{ seen_load_seq() }}
        )
        {% endif %}
        and not exists (
            select 1
            from {{ ref('int_plays') }} as plays
            where
                plays.user_hash = known.user_hash
                and plays.played_at = known.first_played_at
                and plays.track_id = known.first_track_id
                and (known.record_kind = 'track' or plays.primary_artist_id = known.record_id)
        )
    {% endif %}
{%- endmacro %}
