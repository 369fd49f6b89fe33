"""Tests the texts of an alert: secrets are hidden, lengths are limited, the headline is one line."""

from __future__ import annotations

import pytest

from spotify_pipeline.alerts.alert import Alert, clean, headline, render

ALERT = Alert(
    cause="WarehouseUnavailable",
    title="the warehouse\ndoes not respond",
    happened="connection 'warehouse_ingest': Postgres at 127.0.0.1:5432 cannot be used",
    meaning="Nothing is lost.",
    action="Start it.",
    partition="2026-11-05",
    links={"Log": "http://airflow/log"},
)


def test_the_text_has_event_meaning_and_action() -> None:
    assert render(ALERT).splitlines() == [
        "[error] Spotify pipeline 2026-11-05: the warehouse does not respond",
        "",
        "What happened: connection 'warehouse_ingest': Postgres at 127.0.0.1:5432 cannot be used",
        "What it means: Nothing is lost.",
        "What to do: Start it.",
        "Log: http://airflow/log",
    ]


def test_a_headline_is_one_line() -> None:
    """A line break in the subject of a mail would start another header."""
    assert "\n" not in headline(ALERT)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgresql://spotify_ingest:hunter2@host/db refused", "hunter2"),
        ("client_secret=abc123 was refused", "abc123"),
        ("refresh_token: AQDx-9", "AQDx-9"),
        ("Authorization: Bearer-ish", "Bearer-ish"),
        ("sent Bearer BQC4abcdefghijklmnop to it", "BQC4abcdefghijklmnop"),
        ("password = 'x y'", "'x"),
    ],
)
def test_promise_9_secrets_are_hidden_in_every_text(text: str, secret: str) -> None:
    cleaned = Alert("C", text, text, text, text, subject=text, links={"Log": text}).cleaned()
    assert secret not in str(cleaned.to_dict())
    assert "***" in cleaned.happened


def test_text_without_secrets_is_unchanged() -> None:
    text = "the login at Spotify ends on 2027-05-01: a token lives six months"
    assert clean(text) == text


def test_a_long_text_is_truncated() -> None:
    assert len(clean("x" * 100_000)) <= 2_000


def test_the_key_is_partition_cause_and_subject() -> None:
    assert ALERT.key == ("2026-11-05", "WarehouseUnavailable", "")
