"""Tests the administrator's URL of `spotify-pipeline warehouse bootstrap`."""

from __future__ import annotations

import socket

import pytest

from spotify_pipeline.errors import ConfigurationError, WarehouseUnavailable
from spotify_pipeline.warehouse.roles import ROLES, bootstrap

PASSWORDS = dict.fromkeys(ROLES, "x")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://admin:hidden%word@db:5432/postgres",
        "mysql://admin:hidden-word@db/postgres",
        "admin:hidden-word@db",
    ],
)
def test_the_error_of_an_invalid_url_hides_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="%25 for a %") as raised:
        bootstrap(url, PASSWORDS)
    assert "hidden" not in str(raised.value)


def test_a_url_of_sqlalchemy_is_accepted() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(WarehouseUnavailable) as raised:
        bootstrap(f"postgresql+psycopg://admin:hidden-word@127.0.0.1:{port}/postgres", PASSWORDS)
    assert "hidden-word" not in str(raised.value)
