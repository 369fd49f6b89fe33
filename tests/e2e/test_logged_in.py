"""Tests a logged-in user through the real scheduler: lists and plays reach the marts, no token is exposed.

The tests share one stack and run in the order of this file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg import sql

from spotify_pipeline.connections import SPOTIFY_USER, token_variable
from spotify_pipeline.lake.keys import ERASURES, RAW, users_prefix
from spotify_pipeline.spotify.account_ids import AccountKey
from spotify_pipeline.spotify.login import ALL_SCOPES, Login
from spotify_stack import demo_sources, services
from spotify_stack.airflow_environment import METADATA_DATABASE
from spotify_stack.demo import LISTENING, task_log
from spotify_stack.paths import FOLDER_VARIABLE
from spotify_stack.summary import lake

from .conftest import INGEST, REPORT, SECOND_DAY, TRANSFORM, Running
from .search import places

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]
DAY = SECOND_DAY + timedelta(days=10)
# long enough for more plays than Spotify keeps
EARLIER = DAY - timedelta(days=4)
TOP_TRACKS = "/v1/me/top/tracks"


@dataclass
class LoggedIn:
    """A stack with a logged-in user, and every token seen so far."""

    running: Running
    first: str
    tokens: set[str] = field(default_factory=set)

    def listen(self, day: date) -> dict[str, Any]:
        """Run the hourly DAG at 06:00 of a day, and return its task that loads."""
        self.running.set_day(day)
        return self.listen_now()

    def listen_now(self) -> dict[str, Any]:
        run_id = self.running.api.trigger(LISTENING)
        assert self.running.ended(LISTENING, run_id)["state"] == "success"
        self.note_tokens()
        return next(task for task in self.running.api.tasks(LISTENING, run_id) if task["task_id"] == "load")

    def note_tokens(self) -> Login:
        """Return the login in Airflow's Variable, decrypted, and remember its tokens."""
        with self.metadata() as conn:
            [(value, is_encrypted)] = conn.execute(
                "SELECT val, is_encrypted FROM variable WHERE key = %s", [token_variable(SPOTIFY_USER)]
            ).fetchall()
        assert is_encrypted
        text = Fernet(self.running.state.secrets["airflow_fernet"]).decrypt(value.encode()).decode()
        login = Login.from_json(text, "the variable")
        self.tokens |= {login.refresh_token, str(login.access_token)}
        return login

    def metadata(self) -> psycopg.Connection:
        server = services.metadata_postgres(self.running.state)
        return psycopg.connect(server.url(), dbname=METADATA_DATABASE, autocommit=True)

    def refreshes(self) -> int:
        return int(self.running.control.authorizations()[-1]["refreshes"])

    def rows(self, table: str) -> int:
        with self.running.warehouse() as conn:
            [(count,)] = conn.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))
            ).fetchall()
        return int(count)


@pytest.fixture(scope="module")
def logged_in(running: Running) -> Iterator[LoggedIn]:
    """Log in a user of the sandbox, and add the connection as an operator does in Airflow's UI."""
    running.set_day(EARLIER)
    token = running.control.authorize(
        running.state.sandbox_user, ALL_SCOPES, authorized_at=f"{EARLIER}T05:00:00Z"
    )
    key = AccountKey(running.state.secrets["spotify_account_key"])
    login = Login(
        running.state.secrets["spotify_client_id"],
        token,
        key.user_hash(running.state.sandbox_user),
        ALL_SCOPES,
        EARLIER,
        key.key_id,
    )
    fields = json.loads(login.to_connection())
    with httpx.Client(base_url=f"{running.state.airflow_url}/api/v2", trust_env=False, timeout=60) as http:
        body = fields | {"connection_id": SPOTIFY_USER, "extra": json.dumps(fields["extra"])}
        http.post("/connections", json=body).raise_for_status()
        yield LoggedIn(running, token, {token})
        running.control.clear_faults()
    _delete_login(running)
    running.control.revoke_authorizations(running.state.sandbox_user)
    running.set_day(DAY)  # writes sources.yml without the user's lists


def _delete_login(running: Running) -> None:
    """Delete the user's connection and tokens as an operator does in Airflow's UI."""
    with httpx.Client(base_url=f"{running.state.airflow_url}/api/v2", trust_env=False, timeout=60) as http:
        http.delete(f"/connections/{SPOTIFY_USER}")
        http.delete(f"/variables/{token_variable(SPOTIFY_USER)}")


def test_more_plays_than_spotify_keeps_are_recorded_as_a_gap(logged_in: LoggedIn) -> None:
    logged_in.listen(EARLIER)
    assert 0 < logged_in.rows("staging.plays") <= 50
    task = logged_in.listen(DAY)
    log = task_log(logged_in.running.state, LISTENING, task).read_text()
    assert "plays may be lost: Spotify keeps 50 plays" in log
    with logged_in.running.warehouse("warehouse_owner") as conn:
        [(start, end)] = conn.execute("SELECT from_played_at, to_played_at FROM ops.play_gap").fetchall()
    assert EARLIER - timedelta(days=1) <= start.astimezone(UTC).date() < end.astimezone(UTC).date() <= DAY


def test_lists_and_plays_reach_the_marts_with_one_refresh(
    logged_in: LoggedIn,
) -> None:
    """Also promise 6: one rate-limit bucket is closed for a day, so its source is partial."""
    running = logged_in.running
    own = [p["id"] for p in running.control.playlists() if p["owner"] == running.state.sandbox_user]
    entries = [*demo_sources.of_sandbox(running.state), *demo_sources.user_entries(own)]
    demo_sources.write(running.state, entries)
    running.control.exhaust_quota(TOP_TRACKS, after=1, retry_after=86_400)
    before, begun = logged_in.note_tokens(), logged_in.refreshes()
    # the sandbox replaces the refresh token at every second refresh: that of the connection is revoked
    assert before.refresh_token != logged_in.first
    # the access token in the Variable is refused, so all tasks want a new one at the same time
    running.control.expire_tokens()
    since = datetime.now(UTC)
    run_id = running.api.trigger(INGEST, DAY.isoformat())
    assert running.ended(INGEST, run_id)["state"] == "success"
    assert logged_in.refreshes() == begun + 1
    assert logged_in.note_tokens().seed == before.seed

    assert running.next_run(TRANSFORM, DAY, since)["state"] == "success"
    assert running.next_run(REPORT, DAY, since)["state"] == "success"
    marts = ("dim_playlist", "fct_playlist_entry", "fct_play", "mart_listening_daily")
    assert {name: logged_in.rows(f"marts.{name}") > 0 for name in marts} == dict.fromkeys(marts, True)
    assert logged_in.rows("marts.dim_playlist") == len(own)
    assert logged_in.rows("marts.fct_play") == logged_in.rows("staging.plays")
    assert logged_in.rows("staging.saved_tracks") > 0
    page = lake(running.state).get(f"reports/ingest_date={DAY}/report.html").data.decode()
    assert "Plays may be missing" in page
    assert "1 source incomplete on this day" in page
    assert "my-top-tracks" in page
    assert "QUOTA_EXCEEDED" in page


def test_the_replaced_token_is_used_from_then_on(logged_in: LoggedIn) -> None:
    running = logged_in.running
    running.control.set_clock(f"{DAY}T08:00:00Z")
    running.control.expire_tokens()
    begun = logged_in.refreshes()
    logged_in.listen_now()
    assert logged_in.refreshes() == begun + 1
    known = running.control.authorizations()[-1]
    assert (known["user"], known["revoked"]) == (running.state.sandbox_user, False)


def test_no_token_is_in_a_log_the_ui_or_airflow_s_database(logged_in: LoggedIn) -> None:
    """Promise 9, for the tokens of a user."""
    state = logged_in.running.state
    assert len(logged_in.tokens) >= 5  # two refresh tokens, three access tokens
    logs = [path for path in Path(state.paths.root).rglob("*.log") if path.is_file()]
    assert any("dag_id=spotify_ingest" in str(path) for path in logs)
    found = [
        path for path in logs if any(token in path.read_text(errors="replace") for token in logged_in.tokens)
    ]
    assert found == []
    for address in (f"variables/{token_variable(SPOTIFY_USER)}", f"connections/{SPOTIFY_USER}"):
        shown = httpx.get(f"{state.airflow_url}/api/v2/{address}", trust_env=False)
        assert shown.status_code == 200
        assert not any(token in shown.text for token in logged_in.tokens), address
    patterns = [f"%{token}%" for token in logged_in.tokens]
    with logged_in.metadata() as conn:
        tables = conn.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
        ).fetchall()
        assert ("rendered_task_instance_fields",) in tables
        holding = [
            name
            for (name,) in tables
            if conn.execute(
                sql.SQL("SELECT EXISTS (SELECT FROM {} AS t WHERE t::text LIKE ANY(%s))").format(
                    sql.Identifier(name)
                ),
                [patterns],
            ).fetchone()
            == (True,)
        ]
    assert holding == []
    store = lake(state)
    stored = store.keys(users_prefix(RAW, DAY))
    assert stored
    assert not any(token.encode() in store.get(key).data for key in stored for token in logged_in.tokens)


def test_an_erasure_leaves_no_trace_of_the_user(logged_in: LoggedIn) -> None:
    running, user = logged_in.running, logged_in.running.state.sandbox_user
    user_hash = AccountKey(running.state.secrets["spotify_account_key"]).user_hash(user)
    with running.warehouse() as conn:
        plays = conn.execute("SELECT played_at FROM staging.plays LIMIT 5").fetchall()
    needles = {"the id": user, "the hash": user_hash}
    needles |= {p["id"]: p["name"] for p in running.control.playlists() if p["owner"] == user}
    for (played_at,) in plays:
        at = played_at.astimezone(UTC)
        needles |= {f"{at} {mark}": f"{at:%Y-%m-%d}{mark}{at:%H:%M:%S}" for mark in "T "}
    searched = {name: needle.encode() for name, needle in needles.items()}
    before = places(running, searched)
    assert {name for name in needles if not before[name]} <= {"the id"}
    # the connection and the sources are the operator's to remove
    _delete_login(running)
    running.set_day(DAY)

    command = [str(Path(sys.executable).parent / "spotify-pipeline"), "erase-user", user_hash, "--yes"]
    subprocess.run(command, env=os.environ | {FOLDER_VARIABLE: str(running.state.paths.root)}, check=True)  # noqa: S603
    left = places(running, searched)
    receipt = left["the hash"]
    assert f"{services.WAREHOUSE} ops.erasure" in receipt
    left["the hash"] = {
        place
        for place in receipt
        if place != f"{services.WAREHOUSE} ops.erasure" and not place.startswith(f"{ERASURES}/")
    }
    assert {name: found for name, found in left.items() if found} == {}
