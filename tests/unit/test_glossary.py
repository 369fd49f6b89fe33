"""Code and pages use none of the words that docs/glossary.md retires."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
RETIRED = GLOSSARY.read_text(encoding="utf-8").split("## Words we do not use")[1]
FOLDERS = ("src", "dags", "config", "plugins", "tools", "dbt/models", "dbt/macros", "docs")
KINDS = {".py", ".sql", ".sh", ".j2", ".html", ".css", ".json", ".conf", ".yml", ".md"}
# the words of the second table -> what finds them
PATTERNS = {
    "answer (of the API)": r"answer(s|ed|ing)?",
    "sighting, occurrence": r"sightings?|occurrences?",
    "mend": r"mend(s|ed|ing)?",
    "tell (of alerts and people)": r"tells?|told|telling",
    "settled": r"(un)?settled?",
    "shape (of fields)": r"shapes?",
    "complaint": r"complaints?",
    "turn (of a lock)": r"(its|a|whose|in) turn|takes? turns",
    "goes before": r"(goes|go|went) before",
    # columns are named `step`, and other things than the pipeline have steps
    "step (of the pipeline)": r"(own|later|earlier|pipeline|pipeline's) steps?",
    "nursery, world (in tests)": r"nursery|nurseries",
    "nobody, no one, whatsoever, stranger, of its own accord, gone on with": (
        r"nobody|no one|whatsoever|strangers?|of (its|their) own accord|(gone|go|goes|went) on with"
    ),
    "beside": r"beside",
}
# the Linux user that runs Postgres, titles of the generated catalogue, and names of stored data
ALLOWED = re.compile(r"[\"'`=]nobody[\"'`]|\"(Mend|Nobody)\"|\"shapes\"|record_shape")
CODE_IN_TEXT = re.compile(r"`[^`]*`")


def read() -> Iterator[tuple[str, str]]:
    """Every line of code and pages with its file and number."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            # a released revision does not change
            if path.suffix not in KINDS or path == GLOSSARY or {"versions"} & set(path.parts):
                continue
            if not any(part.endswith(".egg-info") for part in path.parts):
                for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                    text = CODE_IN_TEXT.sub("", line) if path.suffix == ".md" else ALLOWED.sub("", line)
                    yield f"{path.relative_to(ROOT)}:{number}", text


@pytest.fixture(scope="module")
def lines() -> list[tuple[str, str]]:
    return list(read())


def test_every_retired_word_is_searched_for() -> None:
    assert re.findall(r"^\| ([^|]+?) \|", RETIRED, re.MULTILINE)[1:] == list(PATTERNS)


@pytest.mark.parametrize("word", PATTERNS)
def test_no_line_uses_a_retired_word(lines: list[tuple[str, str]], word: str) -> None:
    pattern = re.compile(rf"(?<![A-Za-z])({PATTERNS[word]})(?![A-Za-z])", re.IGNORECASE)
    assert [f"{place}: {line.strip()}" for place, line in lines if pattern.search(line)] == []
