"""Tests that code, tests and pages use the words of docs/glossary.md, and none of the retired ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("src", "dags", "config", "plugins", "tools", "dbt/models", "dbt/macros", "docs", "tests")
KINDS = {".py", ".sql", ".sh", ".j2", ".html", ".css", ".json", ".conf", ".yml", ".md"}
# patterns of words that are not used -> the words to use
RETIRED = {
    r"answer(s|ed|ing)?": "response (of the API); as a verb, returns or responds",
    r"sightings?|occurrences?": "observation",
    r"mend(s|ed|ing)?": "fix, repair",
    r"tells?|told|telling": "notify, send, say, show, report",
    r"(un)?settled?": "finished, complete, unchanged; for retries, retry state",
    r"shapes?": "field profile; of a class of record, simplified or full",
    r"complaints?": "error",
    r"(its|a|whose|in) turn|takes? turns": "advisory lock",
    r"(goes|go|went) before": "takes precedence",
    # columns are named `step`, and other things than the pipeline have steps
    r"(own|later|earlier|pipeline|pipeline's) steps?": "stage",
    r"nursery|nurseries": "process pool or supervisor",
    r"nobody|no one|whatsoever|strangers?|of (its|their) own accord|(gone|go|goes|went) on with": (
        "who does what, plainly"
    ),
    r"beside": "next to, with, at the same time as",
}
# the Linux user that runs Postgres, titles of the generated catalogue, and names of stored data
ALLOWED = re.compile(r"[\"'`=]nobody[\"'`]|\"(Mend|Nobody)\"|\"shapes\"|record_shape")
CODE_IN_TEXT = re.compile(r"`[^`]*`")


def read() -> Iterator[tuple[str, str]]:
    """Yield every line of code and pages with its file and number."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            # a released revision does not change; this file lists the words
            if path.suffix not in KINDS or {"versions", Path(__file__).name} & set(path.parts):
                continue
            if not any(part.endswith(".egg-info") for part in path.parts):
                for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                    text = CODE_IN_TEXT.sub("", line) if path.suffix == ".md" else ALLOWED.sub("", line)
                    yield f"{path.relative_to(ROOT)}:{number}", text


@pytest.fixture(scope="module")
def lines() -> list[tuple[str, str]]:
    return list(read())


@pytest.mark.parametrize("words", RETIRED)
def test_no_line_uses_a_retired_word(lines: list[tuple[str, str]], words: str) -> None:
    pattern = re.compile(rf"(?<![A-Za-z])({words})(?![A-Za-z])", re.IGNORECASE)
    found = [f"{place}: {line.strip()}" for place, line in lines if pattern.search(line)]
    assert found == [], f"say: {RETIRED[words]}"
