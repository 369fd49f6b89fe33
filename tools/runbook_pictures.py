"""Takes the pictures of docs/runbook.md: `python -m tools.runbook_pictures`.

The end-to-end test that goes from an alert to a repaired run takes them with the functions of this module, so
that each picture shows a state that the test has checked.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

from spotify_pipeline.settings import PROJECT_ROOT

PICTURES_VARIABLE = "RUNBOOK_PICTURES"
"""Set by this tool; without it, the test writes no pictures."""
IMAGES = PROJECT_ROOT / "docs" / "images"
TEST = "tests/e2e/test_operations.py::test_the_walk_of_the_runbook"
SIZE: ViewportSize = {"width": 1180, "height": 660}
TIMEOUT_MILLISECONDS = 90_000


def chromium() -> str | None:
    """Return the path of an installed Chromium or Chrome, or None."""
    names = ("chromium", "google-chrome", "chromium-browser", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


@contextmanager
def browser_page(url: str, failures: Path) -> Iterator[Page]:
    """Open Airflow in a browser.

    Args:
        url: Address of Airflow. It is opened once, for the cookie of the login, which is switched off.
        failures: Folder in which the page is saved if the block fails.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        # the API server shares two cores with a whole run
        page.set_default_timeout(TIMEOUT_MILLISECONDS)
        expect.set_options(timeout=TIMEOUT_MILLISECONDS)
        try:
            page.goto(url)
            page.get_by_text("Dags").first.wait_for()
            yield page
        except Exception:
            page.screenshot(path=failures / "failed-page.png")
            (failures / "failed-page.html").write_text(page.content())
            raise
        finally:
            browser.close()


def take_picture(page: Page, name: str) -> None:
    """Save a picture of the page, if this tool runs the test."""
    if not os.environ.get(PICTURES_VARIABLE):
        return
    page.wait_for_timeout(1_500)  # the page draws after it has its data, and shows no sign of the end
    page.screenshot(path=IMAGES / f"runbook-{name}.png")


if __name__ == "__main__":
    pytest = [sys.executable, "-m", "pytest", "-q", "-m", "slow", TEST]
    done = subprocess.run(  # noqa: S603 - our own command line
        pytest, cwd=PROJECT_ROOT, env=os.environ | {PICTURES_VARIABLE: "1"}, check=False
    )
    raise SystemExit(done.returncode)
