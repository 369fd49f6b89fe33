"""Tests of the report in a real browser: visible charts in light and dark mode, no requests, plain names."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Page

from spotify_pipeline.report import build_report
from spotify_stack.postgres import PostgresServer
from tests.integration import databases
from tests.integration.report import report_marts as marts
from tests.integration.report.conftest import reader_of

pytestmark = [pytest.mark.integration, pytest.mark.slow]
LAST = date(2021, 3, 19)
NAMES = ["<b>bold</b><script>document.title='taken over'</script>", "שלום עולם", "👩‍🎤 x", "w" * 300]
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def report(
    postgres_server: PostgresServer, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The page over a warehouse of its own; the tests only look at it."""
    databases.copy(postgres_server, migrated_template, "report in a browser")
    url = postgres_server.url("report in a browser")
    path = tmp_path_factory.mktemp("report") / "report.html"
    with psycopg.connect(url, autocommit=True) as warehouse:
        marts.create(warehouse)
        add_rows(warehouse)
        path.write_text(build_report(reader_of(url), LAST), encoding="utf-8")
    return path


def add_rows(warehouse: psycopg.Connection) -> None:
    for number, name in enumerate(NAMES):
        seen = LAST - timedelta(days=number % 2)
        marts.add_artist(warehouse, f"ar{number}", name, seen)
        marts.add_album(warehouse, f"al{number}", name, f"ar{number}", seen, primary_artist_name=name)
        popularity = {"popularity": 10 * number}
        marts.add_track(warehouse, f"t{number}", name, f"al{number}", [f"ar{number}"], seen, **popularity)
        row = {"track_id": f"t{number}", "observed_on": seen} | popularity
        marts.insert(warehouse, "marts.fct_track_daily", row)
    for day in (LAST - timedelta(days=1), LAST):
        marts.add_day(warehouse, day, tracks_crawled=2, new_tracks=2)
        marts.add_source(
            warehouse, day, "a" * 60, "track", status="partial", is_complete=False, message="x" * 200
        )


def open_report(
    browser: Browser, report: Path, *, scheme: str, viewport: dict[str, int]
) -> tuple[Page, list[str]]:
    page = browser.new_page(color_scheme=scheme, viewport=viewport)  # type: ignore[arg-type]
    events: list[str] = []
    page.on("console", lambda message: events.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: events.append(f"error: {error}"))
    page.on("request", lambda request: events.append(f"request: {request.url}"))
    page.goto(report.as_uri())
    return page, [entry for entry in events if entry != f"request: {report.as_uri()}"]


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_are_visible_and_the_page_sends_no_request(
    browser: Browser, report: Path, scheme: str, viewport: dict[str, int]
) -> None:
    page, events = open_report(browser, report, scheme=scheme, viewport=viewport)
    assert events == []
    assert page.title() == "Spotify catalogue, 2021-03-19"
    boxes = [chart.bounding_box() for chart in page.locator(".chart svg").all()]
    assert len(boxes) == 5
    assert all(box and box["width"] > 250 and box["height"] > 60 for box in boxes)
    marks = page.locator('.chart path[aria-roledescription="bar"]').all()
    assert len(marks) >= 10
    # the page never scrolls sideways
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_bars_have_enough_contrast(browser: Browser, report: Path, scheme: str) -> None:
    page, _ = open_report(browser, report, scheme=scheme, viewport=DESKTOP)
    ratios = page.evaluate(
        """() => {
          const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
          const light = text => { const [r, g, b] = text.match(/[\\d.]+/g).map(Number);
            return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b); };
          const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((m, n) => n - m);
            return (x + 0.05) / (y + 0.05); };
          const behind = element => { for (let e = element; e; e = e.parentElement) {
            const colour = getComputedStyle(e).backgroundColor;
            if (!/, 0\\)$|transparent/.test(colour)) return colour; } };
          const of = (selector, property) => [...document.querySelectorAll(selector)]
            .map(e => [selector, ratio(getComputedStyle(e)[property], behind(e))]);
          return { text: ['h1', 'h3', 'p', 'a:not(.skip)', 'dt', 'dd', 'th', 'td', 'caption', 'summary', 'li']
                     .flatMap(s => of(s, 'color')).concat(of('.chart text', 'fill')),
                   bars: of('.chart path[aria-roledescription="bar"]', 'fill') };
        }"""
    )
    assert [entry for entry in ratios["text"] if entry[1] < 4.5] == []
    assert [entry for entry in ratios["bars"] if entry[1] < 3] == []
    page.close()


def test_names_are_shown_as_they_are(browser: Browser, report: Path) -> None:
    page, _ = open_report(browser, report, scheme="light", viewport=DESKTOP)
    shown = page.locator("bdi").all_inner_texts()
    assert set(NAMES) <= set(shown)
    assert page.locator("script").count() == 0
    page.close()


def test_the_table_of_a_chart_opens_with_the_keyboard(browser: Browser, report: Path) -> None:
    page, _ = open_report(browser, report, scheme="light", viewport=DESKTOP)
    table = page.locator("#growth table")
    assert not table.is_visible()
    page.locator("#growth summary").press("Enter")
    assert table.is_visible()
    assert "2021-03-19" in table.inner_text()
    page.close()
