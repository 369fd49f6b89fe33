"""Tests the ids of the generated catalogue: form, reversibility, repeatability."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotify_sandbox.ids import Draw, IdCipher, Kind, digest, is_id


@given(seed=st.integers(0, 2**64 - 1), kind=st.sampled_from(list(Kind)), number=st.integers(0, 2**64 - 1))
def test_an_id_has_spotify_s_form_and_can_be_decoded(seed: int, kind: Kind, number: int) -> None:
    cipher = IdCipher(seed)
    text = cipher.encode(kind, number)
    assert is_id(text)
    assert cipher.decode(kind, text) == number


def test_an_id_of_another_kind_or_seed_cannot_be_decoded() -> None:
    album = IdCipher(1).encode(Kind.ALBUM, 5)
    assert IdCipher(1).decode(Kind.TRACK, album) is None
    assert IdCipher(2).decode(Kind.ALBUM, album) is None


def test_ids_of_neighbouring_numbers_look_unrelated() -> None:
    cipher = IdCipher(1)
    first_characters = {cipher.encode(Kind.TRACK, number)[0] for number in range(200)}
    assert len(first_characters) >= 7  # the highest of 22 base62 digits of 128 bits takes 8 values


def test_ids_are_the_same_on_every_machine() -> None:
    # a change here changes every generated catalogue: raw data of earlier runs would no longer match
    assert IdCipher(1).encode(Kind.ARTIST, 0) == "31R1O8F4d9YUwMg6yM3WzO"


@pytest.mark.parametrize(
    "text", ["", "abc", "0" * 21, "0" * 23, "0" * 21 + "-", "0" * 21 + "é", "0" * 22 + "\n"]
)
def test_other_texts_are_not_ids(text: str) -> None:
    assert not is_id(text)


def test_draws_depend_on_every_part_of_the_key_and_its_order() -> None:
    assert digest(1, 2) != digest(2, 1)
    assert [Draw(1, 2).unit() for _ in range(2)] == [Draw(1, 2).unit()] * 2
    assert Draw(1, 2).unit() != Draw(1, 3).unit()


def test_draws_stay_in_range() -> None:
    draw = Draw(7)
    assert {draw.between(3, 5) for _ in range(200)} == {3, 4, 5}
    assert {draw.below(2) for _ in range(100)} == {0, 1}
    assert 400 < sum(draw.chance(0.5) for _ in range(1000)) < 600
