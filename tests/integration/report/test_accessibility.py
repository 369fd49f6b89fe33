"""Tests that every HTML page passes axe-core in light and dark mode, in print, and 320 pixels wide."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from spotify_pipeline.lake import keys
from spotify_pipeline.orchestration.links.pages import raw_page
from spotify_pipeline.report.page import render_page
from spotify_pipeline.report.week import render_week
from spotify_pipeline.spotify.authorization import callback_page
from spotify_sandbox.testing import RunningSandbox
from tests.integration.sandbox.api_client import authorization_parameters
from tests.unit.report.test_report_page import EMPTY, hostile
from tests.unit.report.test_report_page import FULL as REPORT
from tests.unit.report.test_week_page import FULL as WEEK
from tests.unit.report.test_week_page import OWN

pytestmark = [pytest.mark.integration, pytest.mark.slow]
DAY = date(2026, 11, 5)
VIEWS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 320, "height": 640}},
    # printed by a reader who uses dark mode
    "print": {"color_scheme": "dark", "viewport": {"width": 1000, "height": 1400}},
}


def consent_page(sandbox: RunningSandbox) -> str:
    return httpx.get(f"{sandbox.accounts_url}/authorize", params=authorization_parameters(sandbox)).text


def raw_responses_page() -> str:
    lake: Any = SimpleNamespace(first_keys=lambda *_: [keys.manifest_key(DAY, "mine")])
    return raw_page(lake, DAY, "object")


@pytest.fixture(scope="module")
def pages(session_sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The address of each page by name."""
    folder = tmp_path_factory.mktemp("pages")
    texts = {
        "report": render_page(REPORT, made_up=True),
        "report of hostile names": render_page(hostile()),
        "empty report": render_page(EMPTY),
        "week": render_week(WEEK, made_up=True),
        "week of a listener": render_week(OWN),
        "consent": consent_page(session_sandbox),
        "login": callback_page("You are logged in."),
        "raw responses": raw_responses_page(),
    }
    found = {}
    for name, text in texts.items():
        path: Path = folder / f"{name.replace(' ', '-')}.html"
        path.write_text(text, encoding="utf-8")
        found[name] = path.as_uri()
    return found


@pytest.mark.parametrize("view", VIEWS)
def test_every_page_passes_axe(browser: Browser, pages: dict[str, str], view: str) -> None:
    problems = []
    for name, address in pages.items():
        page = browser.new_page(**VIEWS[view])
        page.goto(address)
        if view == "print":
            page.emulate_media(media="print")
        found = Axe().run(page).response["violations"]
        problems += [
            f"{name}: {violation['id']}: {node['html'][:120]}: {node['failureSummary']}"
            for violation in found
            for node in violation["nodes"]
        ]
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        if page.evaluate(overflow) > 0:
            problems.append(f"{name}: it scrolls sideways")
        page.close()
    assert problems == []
