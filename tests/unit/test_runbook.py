"""Tests that pages for operators name existing alerts, and that their pictures are small and described."""

from __future__ import annotations

import inspect
import re

from spotify_pipeline import errors
from spotify_pipeline.alerts import causes
from spotify_pipeline.settings import PROJECT_ROOT

DOCS = PROJECT_ROOT / "docs"
LARGEST = 150_000


def test_pictures_are_small_and_described() -> None:
    text = (DOCS / "runbook.md").read_text()
    shown = {path: words for words, path in re.findall(r"!\[([^\]]+)\]\((images/[^)]+)\)", text)}
    assert len(shown) >= 5
    for path, words in shown.items():
        assert (DOCS / path).stat().st_size < LARGEST, path
        assert len(words.split()) >= 5, f"{path} needs a description for people who cannot see it"


def test_every_alert_is_on_its_page() -> None:
    text = (DOCS / "alerts.md").read_text()
    for cause in re.findall(r'cause="([A-Z]\w+)"|"([A-Z]\w+)" (?:if|else)', inspect.getsource(causes)):
        assert f"`{next(filter(None, cause))}`" in text, cause


def test_errors_and_causes_in_the_runbook_exist() -> None:
    text = (DOCS / "runbook.md").read_text()
    named = set(re.findall(r"`([A-Z][a-z]+[A-Z][A-Za-z]+)`", text))
    made = set(re.findall(r'"([A-Z]\w+)"', inspect.getsource(causes)))
    assert named
    assert {name for name in named if not hasattr(errors, name)} <= made
