"""The pages for operators: what they name exists, and their pictures exist and are small."""

from __future__ import annotations

import inspect
import re

import pytest

from spotify_pipeline import errors
from spotify_pipeline.alerts import causes
from spotify_pipeline.cli import main as cli
from spotify_pipeline.settings import PREFIX, PROJECT_ROOT, Settings
from spotify_stack.airflow_environment import METRICS_VARIABLE

DOCS = PROJECT_ROOT / "docs"
PAGES = ["alerts.md", "runbook.md"]
LARGEST = 150_000


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_of_a_page_exist(page: str) -> None:
    text = (DOCS / page).read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (DOCS / target).is_file(), target


def test_pictures_are_small_and_described() -> None:
    text = (DOCS / "runbook.md").read_text()
    shown = {path: words for words, path in re.findall(r"!\[([^\]]+)\]\((images/[^)]+)\)", text)}
    assert len(shown) >= 5
    for path, words in shown.items():
        assert (DOCS / path).stat().st_size < LARGEST, path
        assert len(words.split()) >= 5, f"{path} needs a description for people who cannot see it"


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_and_command_exists(page: str) -> None:
    text = (DOCS / page).read_text()
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {METRICS_VARIABLE}
    for name in set(re.findall(rf"{PREFIX}[A-Z_]+[A-Z]", text)):
        assert name in known, name
    for command in re.findall(r"spotify-pipeline ([a-z-]+)", text):
        assert command in cli.COMMANDS, command


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
