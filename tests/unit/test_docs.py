"""Tests the documents: links, commands, settings and files exist, indexes are complete."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from spotify_pipeline.cli import main as cli
from spotify_pipeline.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
DECISIONS = sorted(path for path in (DOCS / "decisions").glob("*.md") if path.name != "README.md")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z.][\w.-]*):", MAKEFILE, re.MULTILINE))
SOURCE = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
# variables that a shell may set: fields of Settings, and those that other modules read
VARIABLES = {PREFIX + name.upper() for name in Settings.model_fields} | {
    PREFIX + name for name in re.findall(rf"(?:{PREFIX}|\{{PREFIX\}})([A-Z_]+)\b", SOURCE)
}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def links(page: Path) -> list[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return [target for target in LINK.findall(text) if "://" not in target]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()).strip() for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_heading(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        leads_to = (page.parent / path) if path else page
        assert leads_to.exists(), target
        if anchor and leads_to.suffix == ".md":
            assert anchor in anchors(leads_to), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_settings_on_a_page_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    commands = set(
        re.findall(r"^ *spotify-pipeline ([a-z][a-z-]*)|`spotify-pipeline ([a-z][a-z-]*)", text, re.MULTILINE)
    )
    assert {first or second for first, second in commands} <= cli.COMMANDS.keys()
    made = re.findall(r"(?:^|`)make ((?:[a-z][\w-]*(?: |(?=[`\n])))+)", text, re.MULTILINE)
    assert {target for targets in made for target in targets.split()} <= TARGETS
    assert set(re.findall(rf"{PREFIX}[A-Z_]*[A-Z]\b", text)) <= VARIABLES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_on_a_page_exist(page: Path) -> None:
    named = re.findall(
        r"`((?:src|tests|dags|dbt|docs|config|plugins|tools|include|docker|benchmarks|\.github)/[\w./-]+)`",
        page.read_text(encoding="utf-8"),
    )
    # written by make, into the object store, and by the user
    written = {"dbt/target", "docs/dbt", "include/sources.local.yml"}
    assert [
        name for name in named if not (ROOT / name).exists() and not name.startswith(tuple(written))
    ] == []


def test_index_lists_each_page_once() -> None:
    listed = sorted(target for target in links(DOCS / "README.md") if "/" not in target)
    assert listed == sorted(page.name for page in DOCS.glob("*.md") if page.name != "README.md")


def test_index_lists_decisions_and_contributing() -> None:
    assert {"decisions/README.md", "../CONTRIBUTING.md"} <= set(links(DOCS / "README.md"))


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name.partition("-")[0]) for path in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1)), "a new decision takes the next number"


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_decision_has_number_status_and_date(path: Path) -> None:
    title, _, status, day, *_ = path.read_text(encoding="utf-8").splitlines()
    assert title.startswith(f"# {path.name[:4]}. ")
    assert re.fullmatch(r"- Status: (proposed|accepted|rejected|superseded by \[.+\]\(.+\))", status)
    assert date.fromisoformat(day.removeprefix("- Date: ")) >= date(2026, 11, 22)


def test_index_of_decisions_lists_each_once() -> None:
    assert links(DOCS / "decisions" / "README.md") == [path.name for path in DECISIONS]


def test_changelog_has_no_entry_twice() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    entries = [line for line in text.splitlines() if line.startswith("- ")]
    assert len(entries) > 10
    assert len(set(entries)) == len(entries)
