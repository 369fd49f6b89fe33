"""Tests what is stored of a login, and how long it lasts."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotify_pipeline import connections
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.spotify.login import Login
from spotify_pipeline.spotify.login_store import FileState, SeededLoginStore, file_lock

LOGIN = Login("client", "r3fresh", "0123456789abcdef", ("user-top-read",), date(2026, 8, 31))


@pytest.mark.parametrize(
    ("authorized_on", "ends_on"),
    [
        (date(2026, 8, 31), date(2027, 2, 28)),
        (date(2027, 8, 31), date(2028, 2, 29)),
        (date(2026, 1, 15), date(2026, 7, 15)),
        (date(2026, 6, 30), date(2026, 12, 30)),
        (date(2026, 12, 1), date(2027, 6, 1)),
    ],
)
def test_a_login_lasts_six_months(authorized_on: date, ends_on: date) -> None:
    login = Login("c", "r", "0" * 16, (), authorized_on)
    assert login.ends_on == ends_on
    assert login.days_left(authorized_on) in range(181, 185)


def test_the_warning_begins_two_weeks_before_the_end() -> None:
    assert LOGIN.warning(date(2027, 2, 13)) is None
    assert "ends on 2027-02-28 (14 days left): run" in str(LOGIN.warning(date(2027, 2, 14)))


def test_no_token_is_in_the_repr() -> None:
    login = Login("c", "r3fresh", "0" * 16, (), date(2026, 1, 1), access_token="acc3ss")
    assert "r3fresh" not in repr(login)
    assert "acc3ss" not in repr(login)


@given(
    st.builds(
        Login,
        st.text(min_size=1),
        st.text(min_size=1),
        st.text(min_size=1),
        st.lists(st.text()).map(tuple),
        st.dates(),
        st.text(),
        st.none() | st.text(min_size=1),
        st.none() | st.datetimes(timezones=st.just(UTC)),
    )
)
def test_a_login_can_be_read_back_from_text(login: Login) -> None:
    assert Login.from_json(login.to_json(), "there") == login


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", "s3cret", LOGIN.to_json().replace("r3fresh", ""), LOGIN.to_json()[:-3]],
)
def test_another_text_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ConfigurationError, match="^there does not hold a login") as error:
        Login.from_json(text, "there")
    assert "s3cret" not in str(error.value)


def test_a_login_can_be_read_back_from_a_connection() -> None:
    found = connections.from_environment("spotify_user", {"AIRFLOW_CONN_SPOTIFY_USER": LOGIN.to_connection()})
    assert Login.from_connection(found) == LOGIN


@pytest.mark.parametrize("missing", ["login", "password", "authorized_on", "user_hash"])
def test_a_missing_field_of_a_connection_is_named(missing: str) -> None:
    fields = json.loads(LOGIN.to_connection())
    fields.pop(missing, None)
    fields["extra"].pop(missing, None)
    found = connections.from_environment("spotify_user", {"AIRFLOW_CONN_SPOTIFY_USER": json.dumps(fields)})
    with pytest.raises(ConfigurationError, match=f"connection 'spotify_user' has no {missing}"):
        Login.from_connection(found)


def test_an_invalid_date_of_consent_is_named() -> None:
    fields = json.loads(LOGIN.to_connection())
    fields["extra"]["authorized_on"] = "spring"
    found = connections.from_environment("spotify_user", {"AIRFLOW_CONN_SPOTIFY_USER": json.dumps(fields)})
    with pytest.raises(ConfigurationError, match="has authorized_on 'spring'"):
        Login.from_connection(found)


def test_a_login_continues_from_its_last_refresh(tmp_path: Path) -> None:
    state = FileState(tmp_path / "state.json")
    store = SeededLoginStore(LOGIN, state, lambda: file_lock(tmp_path / "lock"))
    assert store.read() == LOGIN
    later = Login(
        **{**vars(LOGIN), "refresh_token": "n3xt", "access_token": "a", "expires_at": datetime.now(UTC)}
    )
    with store.locked():
        store.write(later)
    assert store.read() == later
    # a connection with another token is a new login; the stored state of the old one is ignored
    renewed = Login("client", "from-a-new-consent", LOGIN.user_hash, (), date(2026, 11, 1))
    assert SeededLoginStore(renewed, state, lambda: file_lock(tmp_path / "lock")).read() == renewed


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="set SPOTIFY_PIPELINE_LOGIN_FILE"):
        FileState(tmp_path / "file" / "login.json").write("x")
    state = FileState(tmp_path / "login.json")
    state.write("x")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert state.path.stat().st_mode & 0o777 == 0o600
