"""Tests ids in every notation that people paste."""

from __future__ import annotations

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spotify_pipeline.sources.ids import normalise_id
from spotify_pipeline.spotify.endpoints import ID_PATTERN

ARTIST = "0TnOYISbd1XYRBk9myaseg"
IDS = st.text(string.ascii_letters + string.digits, min_size=22, max_size=22)


@given(IDS, st.sampled_from(["artist", "album"]))
def test_all_notations_give_the_same_id(bare: str, kind: str) -> None:
    for text in (
        bare,
        f"  {bare}\t",
        f"spotify:{kind}:{bare}",
        f"https://open.spotify.com/{kind}/{bare}",
        f"https://open.spotify.com/{kind}/{bare}/",
        f"https://open.spotify.com/intl-de/{kind}/{bare}?si=0123456789abcdef",
        f"http://open.spotify.com/embed/{kind}/{bare}#top",
    ):
        assert normalise_id(text, kind) == bare


@pytest.mark.parametrize(
    "text",
    [
        f"spotify:user:some.body:playlist:{ARTIST}",
        f"https://open.spotify.com/user/some.body/playlist/{ARTIST}",
        f"https://open.spotify.com/intl-de/user/x/playlist/{ARTIST}?si=1",
    ],
)
def test_playlists_below_their_owner_are_read(text: str) -> None:
    assert normalise_id(text, "playlist") == ARTIST
    with pytest.raises(ValueError, match="is the address of a playlist"):
        normalise_id(text, "artist")


@pytest.mark.parametrize(
    "text", [f"spotify:user:x:album:{ARTIST}", f"https://open.spotify.com/user/x/album/{ARTIST}"]
)
def test_only_a_playlist_can_be_below_an_owner(text: str) -> None:
    with pytest.raises(ValueError, match="album"):
        normalise_id(text, "album")


@pytest.mark.parametrize(
    "text",
    [f"spotify:album:{ARTIST}", f"https://open.spotify.com/album/{ARTIST}", f"spotify:track:{ARTIST}"],
)
def test_the_address_of_something_else_is_an_error(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"is the address of an? (album|track), but this source lists .* artist"
    ):
        normalise_id(text, "artist")


@pytest.mark.parametrize(
    "text", ["", ARTIST[:-1], ARTIST + "0", "0TnOYISbd1XYRBk9myas_g", f"https://example.org/artist/{ARTIST}"]
)
def test_an_invalid_id_is_refused_with_the_allowed_forms(text: str) -> None:
    with pytest.raises(ValueError, match="22 letters and digits, spotify:artist:ID"):
        normalise_id(text, "artist")


@given(st.text())
def test_any_other_text_is_a_clear_error(text: str) -> None:
    assume(not ID_PATTERN.fullmatch(text.strip()))
    with pytest.raises(ValueError, match="album"):
        normalise_id(text, "album")
