"""Tests the JSON that commands print."""

from __future__ import annotations

import json

import pytest

from spotify_pipeline.cli.output import to_json

VALUE = {"name": "Motörhead 🤘", "hidden": "a\x1b[2J\x9b\u202e\ud800"}


def test_letters_are_printed_and_control_characters_escaped() -> None:
    text = to_json(VALUE)
    assert "Motörhead 🤘" in text
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert json.loads(text) == VALUE


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "no-such-encoding", None])
def test_any_terminal_gets_json_that_it_can_show(encoding: str | None) -> None:
    text = to_json(VALUE, encoding=encoding)
    assert text.isascii()
    assert json.loads(text) == VALUE
