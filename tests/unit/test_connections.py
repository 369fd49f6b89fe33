"""Tests connections from the environment, in both of Airflow's notations."""

from __future__ import annotations

import json

import pytest
from airflow.models.connection import Connection

from spotify_pipeline.connections import CONNECTION_IDS, from_environment, variable_name
from spotify_pipeline.errors import ConfigurationError

FIELDS = {
    "conn_type": "generic",
    "host": "h.example",
    "port": 9000,
    "login": "l@x",
    "password": "p/ä?:#",
    "schema": "s",
    "extra": {"API_url": "http://x/v1", "secure": False},
}


def read(text: str | None):  # type: ignore[no-untyped-def]
    return from_environment("spotify_lake", {} if text is None else {"AIRFLOW_CONN_SPOTIFY_LAKE": text})


def test_json_and_uri_are_read_as_airflow_reads_them() -> None:
    text = json.dumps(FIELDS)
    theirs = Connection.from_json(text, conn_id="spotify_lake")
    for ours in (read(text), read(theirs.get_uri())):
        assert (ours.host, ours.port, ours.login, ours.password, ours.schema) == (
            theirs.host,
            theirs.port,
            theirs.login,
            theirs.password,
            theirs.schema,
        )
        assert ours.extra["api_url"] == "http://x/v1"


def test_extra_may_be_json_text() -> None:
    assert read(json.dumps(FIELDS | {"extra": '{"region": "x"}'})).extra == {"region": "x"}


def test_the_error_of_an_absent_connection_names_its_variable() -> None:
    with pytest.raises(ConfigurationError, match="'spotify_lake'.*AIRFLOW_CONN_SPOTIFY_LAKE"):
        read(None)


@pytest.mark.parametrize(
    "text", ["{", '{"port": "x"}', '{"extra": 3}', "no uri", "MOCKED_VALUE", "http://h:x/"]
)
def test_unreadable_text_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_SPOTIFY_LAKE") as refused:
        read(text)
    assert text not in str(refused.value).replace("AIRFLOW_CONN_SPOTIFY_LAKE", "")


def test_the_repr_hides_the_password() -> None:
    shown = repr(read(json.dumps(FIELDS)))
    assert "p/ä" not in shown
    assert "api_url" not in shown


def test_a_missing_field_is_named() -> None:
    with pytest.raises(ConfigurationError, match="'spotify_lake' has no host"):
        read('{"conn_type": "generic"}').require("host")


def test_each_id_has_a_variable() -> None:
    assert [variable_name(conn_id) for conn_id in CONNECTION_IDS][:2] == [
        "AIRFLOW_CONN_SPOTIFY_API",
        "AIRFLOW_CONN_SPOTIFY_LAKE",
    ]
