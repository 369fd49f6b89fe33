"""Tests that the lists of places in CONTRIBUTING.md are correct and complete."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (How to .+)\n((?:(?!^## ).*\n?)*)", PAGE, re.MULTILINE))
ROW = re.compile(r"^\| `([^`]+)` \| .+ \| `([^`]+)` \|$", re.MULTILINE)
# code only: a word in a test or on a page does not show that the place must be changed
CODE = ("src", "dags", "dbt", "include", "config", "plugins", "tools", "docker")
IGNORED = {"__pycache__", "target", "logs", "dbt_packages"}


def files(place: Path) -> Iterator[Path]:
    for path in [place] if place.is_file() else sorted(place.rglob("*")):
        relative = path.relative_to(ROOT)
        if (
            path.is_file()
            and not IGNORED & set(relative.parts)
            and not any(part.endswith(".egg-info") for part in relative.parts)
        ):
            yield path


def text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace")


def places(section: str) -> list[tuple[str, str]]:
    return ROW.findall(SECTIONS[section])


@pytest.mark.parametrize("section", SECTIONS)
def test_each_place_exists_and_contains_its_example(section: str) -> None:
    listed = places(section)
    assert len(listed) == len(re.findall(r"^\| `", SECTIONS[section], re.MULTILINE)) > 0
    for place, example in listed:
        assert (ROOT / place).exists(), place
        assert any(example in text(path) or example in path.name for path in files(ROOT / place)), (
            f"{place} has no {example}"
        )


@pytest.mark.parametrize(
    ("section", "word"),
    [
        ("How to add a field from response to mart", r"\bpopularity\b"),
        ("How to add a source kind", r"\bsaved_tracks?\b|\bSAVED_TRACKS\b"),
        ("How to add a source kind", r"\bfollowed_artists?\b|\bFOLLOWED_ARTISTS?\b"),
    ],
)
def test_the_list_has_every_place_of_an_existing_name(section: str, word: str) -> None:
    listed = [ROOT / place for place, _ in places(section)]
    missing = [
        str(path.relative_to(ROOT))
        for folder in CODE
        for path in files(ROOT / folder)
        if re.search(word, text(path)) and not any(path.is_relative_to(place) for place in listed)
    ]
    assert missing == [], f"add these places to the list {section!r} in CONTRIBUTING.md"
