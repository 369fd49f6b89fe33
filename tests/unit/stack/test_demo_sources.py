"""Tests the sources of the demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from spotify_pipeline.sources import load_sources
from spotify_pipeline.sources.model import SourceKind
from spotify_pipeline.sources.readable import unreadable
from spotify_pipeline.spotify.endpoints import AppClass
from spotify_pipeline.spotify.login import ALL_SCOPES
from spotify_stack import demo_sources
from spotify_stack.paths import StackPaths
from spotify_stack.ports import PortReservation
from spotify_stack.state import StackState, create_or_load

IDS = [f"{number:022d}" for number in range(200)]


@pytest.fixture
def state(tmp_path: Path) -> StackState:
    with PortReservation() as reservation:
        return create_or_load(StackPaths(tmp_path / "stack"), reservation)


def test_every_artist_is_in_exactly_one_of_eight_sources() -> None:
    entries = demo_sources.artist_entries(IDS)
    assert len(entries) == 8
    assert sorted(artist for entry in entries for artist in entry["ids"]) == IDS


def test_an_artist_stays_in_its_source_when_others_are_added() -> None:
    def places(ids: list[str]) -> dict[str, str]:
        return {
            artist: entry["name"] for entry in demo_sources.artist_entries(ids) for artist in entry["ids"]
        }

    few, many = places(IDS[:20]), places(IDS)
    assert few == {artist: many[artist] for artist in few}


def test_a_user_has_one_source_of_each_kind(state: StackState) -> None:
    demo_sources.write(state, demo_sources.user_entries(IDS[:3]))
    loaded = load_sources(state.paths.sources)
    assert {source.kind for source in loaded} == {kind for kind in SourceKind if kind.needs_login}
    assert unreadable(loaded, AppClass.DEVELOPMENT, lambda _: ALL_SCOPES) == []


def test_no_source_is_empty() -> None:
    assert [len(entry["ids"]) for entry in demo_sources.artist_entries(IDS[:1])] == [1]


def test_the_written_file_is_a_valid_list_of_sources(state: StackState) -> None:
    entries = demo_sources.artist_entries(IDS)
    demo_sources.write(state, entries)
    loaded = load_sources(state.paths.sources)
    assert [source.name for source in loaded] == [entry["name"] for entry in entries]
    assert sum(len(source.ids) for source in loaded) == len(IDS)


def test_a_link_to_the_user_s_list_is_replaced_and_the_list_kept(state: StackState, tmp_path: Path) -> None:
    own = tmp_path / "own.yml"
    own.write_text("mine")
    state.paths.sources.symlink_to(own)
    demo_sources.write(state, demo_sources.artist_entries(IDS))
    assert own.read_text() == "mine"
    assert not state.paths.sources.is_symlink()
