"""Which tables of the warehouse a load fills, by the kinds of record that it accepted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spotify_pipeline.warehouse.table_specs import SPECS

# a record that only mentions another one fills the table of that as well
_MENTIONS: Mapping[str, tuple[str, ...]] = {"track": ("album", "artist"), "album": ("artist",)}
_LISTS: Mapping[str, tuple[str, ...]] = {
    "playlist_item": ("staging.playlist_membership", "staging.list_reads"),
    "saved_track": ("staging.saved_tracks", "staging.list_reads"),
    "top_track": ("staging.top_tracks", "staging.list_reads"),
    "play": ("staging.plays",),
}
_ALWAYS = ("ops.load",)
_RECORDS = ("staging.source_records",)


def tables_of(kinds: Iterable[str]) -> list[str]:
    """Tables, `schema.table`, in order; of no kind at all only the one in which loads are counted."""
    found = set(_ALWAYS)
    for kind in kinds:
        if kind in SPECS:
            found |= {SPECS[kind].table, SPECS[kind].observations, *_RECORDS}
            found |= {SPECS[mentioned].table for mentioned in _MENTIONS.get(kind, ())}
        found |= set(_LISTS.get(kind, ()))
    return sorted(found)
