"""Airflow's pages in a real browser, and pictures of them for the runbook."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from spotify_pipeline.settings import PROJECT_ROOT

SHOTS_VARIABLE = "RUNBOOK_SHOTS"
"""Set by `make runbook-shots`: the tests that walk through Airflow then write docs/images/ anew."""
IMAGES = PROJECT_ROOT / "docs" / "images"
_MILLISECONDS = 90_000
SIZE = {"width": 1180, "height": 660}


def chromium() -> str | None:
    """Path of an installed Chromium or Chrome."""
    names = ("chromium", "google-chrome", "chromium-browser", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


@contextmanager
def browser_page(url: str, kept: Path) -> Iterator[Page]:
    """A page of Airflow, entered once so that it has the cookie of the (switched off) login.

    What it showed when a test failed is left in the folder `kept`.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]
        # a page waits for an API server that shares two cores with a whole run
        page.set_default_timeout(_MILLISECONDS)
        expect.set_options(timeout=_MILLISECONDS)
        try:
            page.goto(url)
            page.get_by_text("Dags").first.wait_for()
            yield page
        except Exception:
            page.screenshot(path=kept / "failed-page.png")
            (kept / "failed-page.html").write_text(page.content())
            raise
        finally:
            browser.close()


def shoot(page: Page, name: str, folder: Path = IMAGES) -> None:
    """Write a picture, where pictures are wanted."""
    if not os.environ.get(SHOTS_VARIABLE):
        return
    page.wait_for_timeout(1_500)  # what a page draws after it has its data: no condition tells
    page.screenshot(path=folder / f"runbook-{name}.png")
