"""Tests the links of pages on the documentation site, and its navigation."""

from __future__ import annotations

import re

import pytest

from tools.site_links import FOLDER, ROOT, ROOT_PAGES, changed_links, repository

REPOSITORY = "https://git.example.com/team/pipeline/blob/abc"


@pytest.mark.parametrize(
    ("page", "link", "changed"),
    [
        ("sources.md", "[a](../README.md#promises)", "[a](project/README.md#promises)"),
        ("decisions/README.md", "[a](../warehouse.md)", "[a](../warehouse.md)"),
        ("project/README.md", "[a](docs/warehouse.md#x)", "[a](../warehouse.md#x)"),
        ("project/README.md", "![a](docs/images/grid.png)", "![a](../images/grid.png)"),
        ("sources.md", "[a](missing.md)", "[a](missing.md)"),
        ("project/README.md", "[a](LICENSE)", f"[a]({REPOSITORY}/LICENSE)"),
        ("architecture.md", "[a](../src/spotify_stack)", f"[a]({REPOSITORY}/src/spotify_stack)"),
        ("architecture.md", "[a](https://example.com) [b](#c)", "[a](https://example.com) [b](#c)"),
        ("architecture.md", "```\n[a](../LICENSE)\n```\n", "```\n[a](../LICENSE)\n```\n"),
    ],
)
def test_a_link_is_changed_for_the_site(page: str, link: str, changed: str) -> None:
    assert changed_links(link, page, REPOSITORY) == changed


def test_without_a_repository_a_file_is_plain_text() -> None:
    assert changed_links("see [the stack](../src/spotify_stack).", "ci.md", None) == "see the stack."


def test_the_repository_is_that_of_the_workflow() -> None:
    named = {
        "GITHUB_SERVER_URL": "https://git.example.com",
        "GITHUB_REPOSITORY": "team/pipeline",
        "GITHUB_SHA": "abc",
    }
    assert repository(named) == REPOSITORY
    assert repository({}) is None


def test_the_navigation_lists_each_page_once() -> None:
    nav = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    listed = re.findall(r": (\S+\.md)$", nav, re.MULTILINE)
    pages = [path.name for path in (ROOT / "docs").glob("*.md")] + [f"{FOLDER}/{name}" for name in ROOT_PAGES]
    assert sorted(listed) == sorted([*pages, "decisions/README.md"])
