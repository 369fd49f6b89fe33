"""Tests the hash of a source, its estimated calls, and groups of sources."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotify_pipeline.sources import Source, SourceKind, group_sources
from spotify_pipeline.spotify.endpoints import AppClass

A, B = "0TnOYISbd1XYRBk9myaseg", "1TnOYISbd1XYRBk9myaseg"
SOURCE = Source("one", SourceKind.ARTIST, (A, B), ("album", "single"), line=3)


@pytest.mark.parametrize(
    "same",
    [
        replace(SOURCE, line=9),
        replace(SOURCE, ids=(B, A)),
        replace(SOURCE, include_groups=("single", "album")),
    ],
)
def test_notation_does_not_change_the_hash(same: Source) -> None:
    assert same.definition_sha256 == SOURCE.definition_sha256


@pytest.mark.parametrize(
    "other",
    [
        replace(SOURCE, ids=(A,)),
        replace(SOURCE, include_groups=("album",)),
        replace(SOURCE, kind=SourceKind.ALBUM),
    ],
)
def test_meaning_changes_the_hash(other: Source) -> None:
    assert other.definition_sha256 != SOURCE.definition_sha256


def test_the_hash_does_not_change_between_versions() -> None:
    # it is stored in ops.source: a different value would look like a change of every definition
    assert SOURCE.definition_sha256 == "4c55d87d480e5219b570cca029cd684b7d9147d6af2d8f90628144fefce5d5c5"


def test_the_estimate_follows_the_page_size_of_the_app() -> None:
    search = Source("s", SourceKind.SEARCH, queries=("a", "b"), types=("track", "album"), max_results=95)
    assert search.estimated_calls(AppClass.DEVELOPMENT) == 2 * 2 * 10
    assert search.estimated_calls(AppClass.EXTENDED) == 2 * 2 * 2
    assert Source("a", SourceKind.ALBUM, (A, B)).estimated_calls(AppClass.DEVELOPMENT) == 2
    assert SOURCE.estimated_calls(AppClass.DEVELOPMENT) > SOURCE.estimated_calls(AppClass.EXTENDED) > 2 * 25


def test_the_estimates_of_the_other_kinds() -> None:
    def calls(kind: SourceKind, app_class: AppClass = AppClass.DEVELOPMENT, **fields: Any) -> int:
        return Source("s", kind, **fields).estimated_calls(app_class)

    ids = tuple(f"{number:022}" for number in range(120))
    assert calls(SourceKind.TRACK, ids=ids) == 120
    assert calls(SourceKind.TRACK, AppClass.EXTENDED, ids=ids) == 3
    assert calls(SourceKind.PLAYLIST, ids=ids[:2]) == 2 * (1 + 2 + 1)
    ranges = ("short_term", "long_term")
    assert calls(SourceKind.TOP_TRACKS, time_ranges=ranges) == 2
    assert calls(SourceKind.TOP_TRACKS, time_ranges=ranges, max_results=120) == 2 * 3
    assert calls(SourceKind.TOP_ARTISTS, time_ranges=ranges, max_results=51) == 2 * 2
    assert calls(SourceKind.FOLLOWED_ARTISTS) == 2
    assert calls(SourceKind.SAVED_TRACKS) > calls(SourceKind.RECENTLY_PLAYED) == 1


def test_time_ranges_are_part_of_the_meaning() -> None:
    one = Source("t", SourceKind.TOP_TRACKS, time_ranges=("short_term", "long_term"))
    assert one.definition_sha256 == replace(one, time_ranges=("long_term", "short_term")).definition_sha256
    assert one.definition_sha256 != replace(one, time_ranges=("short_term",)).definition_sha256


@given(st.lists(st.integers(1, 400), min_size=1, max_size=40), st.integers(1, 12), st.randoms())
def test_groups_contain_each_source_once_and_are_balanced(
    sizes: list[int], n: int, shuffler: random.Random
) -> None:
    sources = [
        Source(f"s{i:02}", SourceKind.ALBUM, tuple(map(str, range(size)))) for i, size in enumerate(sizes)
    ]
    groups = group_sources(sources, n)
    assert len(groups) == min(n, len(sources))
    assert sorted(s.name for group in groups for s in group) == [s.name for s in sources]
    # sources are assigned in order of cost: the last one goes to a group with at most the mean cost
    costs = [sum(len(s.ids) for s in group) for group in groups]
    assert max(costs) <= max(sizes) + sum(sizes) / len(groups)
    shuffled = sources.copy()
    shuffler.shuffle(shuffled)
    assert group_sources(shuffled, n) == groups


def test_no_source_gives_no_group_and_no_group_is_an_error() -> None:
    assert group_sources([], 8) == []
    with pytest.raises(ValueError, match="0 groups"):
        group_sources([SOURCE], 0)
