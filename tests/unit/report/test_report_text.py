"""Tests the texts of the report: links, names, dates and numbers."""

from __future__ import annotations

from datetime import date

import pytest

from spotify_pipeline.report import text


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "http://open.spotify.com/album/1",
        "https://open.spotify.com.example.org/album/1",
        "https://open.spotify.com@example.org/album/1",
        "https://[broken/album/1",
        "//open.spotify.com/album/1",
        "",
        None,
    ],
)
def test_only_spotifys_own_site_becomes_a_link(url: str | None) -> None:
    assert text.spotify_link(url) is None


def test_a_link_to_spotify_is_unchanged() -> None:
    assert text.spotify_link("https://open.spotify.com/album/1?x=1") == "https://open.spotify.com/album/1?x=1"


def test_names_lose_only_control_and_override_characters() -> None:
    assert text.title("a\x00b\x1b[31m\u202egnp\u2066") == "ab[31mgnp"
    assert text.title("שלום 👩‍🎤 <b>") == "שלום 👩‍🎤 <b>"  # the joiner of the emoji is kept


@pytest.mark.parametrize("name", [None, "", "  ", "\u202e\n"])
def test_an_absent_name_is_replaced_by_a_note(name: str | None) -> None:
    assert text.title(name) == "(no name)"
    assert text.artist_name(name) == "(artist without a name)"


@pytest.mark.parametrize(
    ("precision", "shown"),
    [
        ("day", "1969-09-26"),
        ("month", "1969-09"),
        ("year", "1969"),
        (None, "1969-09-26"),
        ("odd", "1969-09-26"),
    ],
)
def test_a_release_date_shows_only_what_is_known(precision: str | None, shown: str) -> None:
    assert text.release_date(date(1969, 9, 26), precision) == shown


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [(0, "0 min"), (59 * 60_000, "59 min"), (60 * 60_000, "1 h"), (3_600_000 * 1234, "1,234 h")],
)
def test_playing_time(milliseconds: int, shown: str) -> None:
    assert text.playing_time(milliseconds) == shown


def test_numbers() -> None:
    assert text.number(12855) == "12,855"
    assert (text.signed(4), text.signed(-1200), text.signed(0)) == ("+4", "\N{MINUS SIGN}1,200", "0")
    assert (text.plural(1, "track"), text.plural(0, "track")) == ("1 track", "0 tracks")


def test_weekdays_are_english_in_every_locale() -> None:
    assert text.weekday(date(2021, 3, 19)) == "Friday"
