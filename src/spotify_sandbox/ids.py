"""Computes Spotify ids (22 base62 characters, 128 bits) from numbers, and makes repeatable draws."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import TypeVar

T = TypeVar("T")

ID_LENGTH = 22
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_VALUE = {character: value for value, character in enumerate(_ALPHABET)}
_ID = re.compile(r"[0-9A-Za-z]{22}\Z")
_MASK = (1 << 64) - 1


class Kind(IntEnum):
    """Kind of record that a generated id belongs to."""

    ARTIST = 1
    ALBUM = 2
    TRACK = 3
    PLAYLIST = 4
    EPISODE = 5
    SHOW = 6


def is_id(text: str) -> bool:
    """Return whether the text has the form of a Spotify id."""
    return _ID.match(text) is not None


def mix(value: int) -> int:
    """Scramble 64 bits with the finalizer of SplitMix64 (Steele et al. 2014)."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def digest(*parts: int) -> int:
    """Return a 64-bit number that depends on every part and on their order."""
    state = 0
    for part in parts:
        state = mix(state ^ mix(part & _MASK))
    return state


class IdCipher:
    """Converts (kind, number) to an id and back with a keyed four-round Feistel network.

    Ids look random, but the sandbox can compute the record of an id without a table, so that it can serve a
    catalogue of a million tracks without making them all.
    """

    def __init__(self, seed: int) -> None:
        self._keys = [digest(seed, 0x1D, turn) for turn in range(4)]

    def encode(self, kind: Kind, number: int) -> str:
        """Return the id of a record of the generated catalogue."""
        left, right = int(kind), number
        for key in self._keys:
            left, right = right, left ^ mix(right ^ key)
        value = left << 64 | right
        characters = []
        for _ in range(ID_LENGTH):
            value, rest = divmod(value, 62)
            characters.append(_ALPHABET[rest])
        return "".join(reversed(characters))

    def decode(self, kind: Kind, text: str) -> int | None:
        """Return the number of an id, or None if the id has another kind or seed."""
        value = 0
        for character in text:
            value = value * 62 + _VALUE[character]
        left, right = value >> 64, value & _MASK
        for key in reversed(self._keys):
            left, right = right ^ mix(left ^ key), left
        return right if left == int(kind) else None


class Draw:
    """Repeatable draws keyed by whole numbers; unlike `random`, the same on every Python version."""

    __slots__ = ("_state",)

    def __init__(self, *key: int) -> None:
        self._state = digest(*key)

    def unit(self) -> float:
        """Draw a number in [0, 1)."""
        self._state = mix(self._state)
        return self._state / (1 << 64)

    def below(self, limit: int) -> int:
        """Draw a whole number in [0, limit)."""
        return int(self.unit() * limit)

    def between(self, low: int, high: int) -> int:
        """Draw a whole number in [low, high]."""
        return low + self.below(high - low + 1)

    def chance(self, share: float) -> bool:
        """Return True in the given share of draws."""
        return self.unit() < share

    def pick(self, choices: Sequence[T]) -> T:
        """Draw one of the choices."""
        return choices[self.below(len(choices))]
