"""Tests of `spotify-pipeline auth`: a login with the requests of a browser, its status and its removal."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from spotify_pipeline import connections
from spotify_pipeline.spotify.login import Login
from spotify_pipeline.spotify.login_store import FileLoginStore
from spotify_sandbox.testing import RunningSandbox
from tests.accounts import ACCOUNT_KEY, user_hash

pytestmark = pytest.mark.integration
Auth = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "login.json"


@pytest.fixture
def auth(sandbox: RunningSandbox, file: Path) -> Iterator[Auth]:
    """A function that starts `spotify-pipeline auth …` against the sandbox."""
    extra = {"api_url": sandbox.api_url, "accounts_url": sandbox.accounts_url}
    connection = {"conn_type": "generic", "login": sandbox.client_id, "extra": extra}
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(  # noqa: S603 - ours
                [
                    sys.executable,
                    "-c",
                    "from spotify_pipeline.cli.main import app; app()",
                    "auth",
                    *arguments,
                ],
                env={
                    "AIRFLOW_CONN_SPOTIFY_API": json.dumps(connection),
                    "AIRFLOW_CONN_SPOTIFY_ACCOUNT_KEY": ACCOUNT_KEY.to_connection(),
                    "SPOTIFY_PIPELINE_LOGIN_FILE": str(file),
                    "PYTHONUNBUFFERED": "1",
                    "COLUMNS": "200",
                },
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def printed_address(process: subprocess.Popen[str]) -> str:
    """Return the address that the command prints on its second line."""
    assert process.stdout is not None
    process.stdout.readline()
    return process.stdout.readline().strip()


def output(process: subprocess.Popen[str], code: int = 0) -> tuple[str, str]:
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    return out, err


def start_login(auth: Auth) -> tuple[subprocess.Popen[str], str]:
    process = auth("login", "--no-browser", "--port", "0", "--timeout", "30")
    return process, printed_address(process)


def test_a_login_is_stored_and_printed_as_a_connection(
    sandbox: RunningSandbox, auth: Auth, file: Path
) -> None:
    process, page = start_login(auth)
    query = parse_qs(urlsplit(page).query)
    assert query["code_challenge_method"] == ["S256"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", query["redirect_uri"][0])
    sandbox.control.auto_approve("listener2")
    try:
        assert "You are logged in" in httpx.get(page, follow_redirects=True).text
    finally:
        sandbox.control.auto_approve(None)
    out, _ = output(process)
    store = FileLoginStore(file)
    made = store.read()
    assert made.user_hash == user_hash("listener2")
    assert f"user {made.user_hash} until 2027-05-22" in out
    assert made.refresh_token not in out
    assert file.stat().st_mode & 0o777 == 0o600

    out, _ = output(auth("status"))
    assert "user-library-read" in out
    assert made.refresh_token not in out
    shown = json.loads(output(auth("status", "--json"))[0])
    assert (shown["user"], shown["ends_on"]) == (made.user_hash, "2027-05-22")
    assert "user-library-read" in shown["scopes"]

    out, _ = output(auth("connection"))
    variable, _, text = out.strip().partition("=")
    assert variable == "AIRFLOW_CONN_SPOTIFY_USER"
    known = connections.from_environment("spotify_user", {variable: text.strip("'")})
    assert Login.from_connection(known) == made
    assert not file.exists()
    assert "no user is logged in" in output(auth("status"), 1)[1]


@pytest.mark.slow
def test_each_listener_has_a_separate_login(file: Path, auth: Auth) -> None:
    login = Login("client", "refresh-word", "0" * 16, (), date(2126, 11, 1))
    FileLoginStore(file.with_name("login-anna.json")).write(login)
    assert "no user is logged in" in output(auth("status"), 1)[1]
    assert "0" * 16 in output(auth("status", "--user", "anna"))[0]
    out, _ = output(auth("connection", "--user", "anna"))
    assert out.startswith("AIRFLOW_CONN_SPOTIFY_USER_ANNA=")
    assert "run 'spotify-pipeline auth login --user anna'" in output(auth("status", "--user", "anna"), 1)[1]
    assert "'An-na' cannot be the name of a user" in output(auth("status", "--user", "An-na"), 1)[1]


def test_only_a_redirect_with_the_right_state_is_accepted(
    sandbox: RunningSandbox, auth: Auth, file: Path
) -> None:
    process, page = start_login(auth)
    redirect = parse_qs(urlsplit(page).query)["redirect_uri"][0]
    for stray in ("", "?code=stolen", "?code=stolen&state=guess", "?error=access_denied&state="):
        assert httpx.get(redirect + stray).status_code == 400
    assert httpx.get(redirect.replace("/callback", "/favicon.ico")).status_code == 404
    assert process.poll() is None
    sandbox.control.auto_approve("listener1")
    try:
        httpx.get(page, follow_redirects=True)
    finally:
        sandbox.control.auto_approve(None)
    output(process)
    assert FileLoginStore(file).read().user_hash == user_hash("listener1")


def test_a_user_who_refuses_is_not_logged_in(sandbox: RunningSandbox, auth: Auth, file: Path) -> None:
    process, page = start_login(auth)
    sandbox.control.auto_approve("listener1", deny=True)
    try:
        assert "You are not logged in" in httpx.get(page, follow_redirects=True).text
    finally:
        sandbox.control.auto_approve(None)
    assert "Spotify did not log in ('access_denied')" in output(process, 1)[1]
    assert not file.exists()


def test_a_login_ends_after_its_timeout(auth: Auth, file: Path) -> None:
    process = auth("login", "--no-browser", "--port", "0", "--timeout", "1")
    assert "no login within 1 seconds" in output(process, 1)[1]
    assert not file.exists()


def test_logout_deletes_the_login(auth: Auth, file: Path) -> None:
    assert "No user was logged in" in output(auth("logout"))[0]
    file.parent.mkdir(exist_ok=True)
    file.write_text("{}")
    assert "Logged out" in output(auth("logout"))[0]
    assert not file.exists()


def test_a_file_that_others_can_read_is_refused(auth: Auth, file: Path) -> None:
    file.parent.mkdir()
    file.write_text("{}")
    file.chmod(0o644)
    assert "can be read by others: run chmod 600" in output(auth("status"), 1)[1]
    file.chmod(0o600)
    assert "does not hold a login" in output(auth("status"), 1)[1]
