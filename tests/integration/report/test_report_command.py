"""Tests which page `spotify-pipeline report` saves."""

from __future__ import annotations

import json
import uuid
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from spotify_pipeline.cli import main as cli
from spotify_pipeline.connections import SPOTIFY_LAKE, from_environment, variable_name
from spotify_pipeline.lake import Lake, keys
from spotify_pipeline.lake.weeks import week_page_key
from spotify_stack.object_store import S3Server

pytestmark = pytest.mark.integration
SATURDAY, SUNDAY = date(2026, 11, 21), date(2026, 11, 22)
MONDAY = date(2026, 11, 16)
USER = "0123456789abcdef"


@pytest.fixture(autouse=True)
def stored(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with Saturday's report and the pages of the week, which are in Sunday's folder."""
    fields = {
        "host": "127.0.0.1",
        "port": s3_server.port,
        "login": s3_server.access_key,
        "password": s3_server.secret_key,
        "schema": f"report-{uuid.uuid4().hex[:8]}",
    }
    monkeypatch.setenv(variable_name(SPOTIFY_LAKE), json.dumps(fields))
    lake = Lake(from_environment(SPOTIFY_LAKE))
    lake.create_bucket()
    lake.put(keys.report_key(SATURDAY), b"saturday")
    lake.put(week_page_key(MONDAY), b"the week")
    lake.put(week_page_key(MONDAY, USER), b"week of a listener")


def run(folder: Path, *arguments: str) -> Any:
    return CliRunner().invoke(cli.build(["report"]), ["report", "--output", str(folder), *arguments])


@pytest.mark.parametrize(
    ("arguments", "name", "content"),
    [
        ([], "report-2026-11-21.html", "saturday"),
        (["2026-11-21"], "report-2026-11-21.html", "saturday"),
        (["2026-W47"], "week-2026-W47.html", "the week"),
        (["2026-W47", "--user", USER], "week-2026-W47.html", "week of a listener"),
    ],
)
def test_the_page_is_saved(tmp_path: Path, arguments: list[str], name: str, content: str) -> None:
    done = run(tmp_path / "pages", *arguments)
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(tmp_path / "pages" / name)
    assert (tmp_path / "pages" / name).read_text() == content


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["2026-11-22"], "there is no page"),
        (["2026-W54"], "not a week of the calendar"),
        (["yesterday"], "'yesterday'"),
        (["2026-11-21", "--user", USER], "give a week"),
    ],
)
def test_a_missing_page_is_an_error_of_one_sentence(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = run(tmp_path / "pages", *arguments)
    assert done.exit_code == 1
    assert message in done.stderr
    assert not (tmp_path / "pages").exists()
