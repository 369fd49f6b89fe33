"""Tests the choice and reservation of ports."""

from __future__ import annotations

import inspect
import socket
from collections.abc import Iterator

import pytest

from spotify_pipeline.cli import auth
from spotify_pipeline.doctor.ports import is_free
from spotify_pipeline.errors import ConfigurationError
from spotify_stack import ports
from spotify_stack.ports import PortReservation
from spotify_stack.state import PREFERRED_PORTS


@pytest.fixture
def listener(first_port: int) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", first_port + 200)) as server:
        yield server.getsockname()[1]


def test_a_port_with_a_listener_is_not_free(listener: int) -> None:
    assert not is_free(listener)


def test_a_port_of_a_closed_connection_is_free() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            # the side that closes first keeps the connection in TIME_WAIT
            accepted.close()
            assert client.recv(1) == b""
    assert is_free(port)


def test_the_preferred_port_is_used_if_it_is_free(first_port: int) -> None:
    with PortReservation() as reservation:
        assert reservation.choose(first_port) == first_port


def test_a_taken_port_gives_the_next_one(listener: int) -> None:
    with PortReservation() as reservation:
        assert reservation.choose(listener) > listener
        assert reservation.choose_or_none(listener) is None


def test_a_port_is_taken_if_its_partner_is(listener: int) -> None:
    with PortReservation() as reservation:
        assert reservation.choose_or_none(listener - 100, offsets=(0, 100)) is None


def test_a_taken_partner_releases_the_port_itself(listener: int) -> None:
    with PortReservation() as reservation:
        reservation.choose_or_none(listener - 100, offsets=(0, 100))
        assert reservation.choose_or_none(listener - 100) == listener - 100


def test_two_reservations_never_give_the_same_port(first_port: int) -> None:
    with PortReservation() as one, PortReservation() as other:
        given = [each.choose(first_port) for each in (one, other, one, other)]
    assert len(set(given)) == 4


def test_a_released_port_can_be_chosen_again(first_port: int) -> None:
    with PortReservation() as one:
        port = one.choose(first_port)
    with PortReservation() as other:
        assert other.choose_or_none(port) == port


def test_without_a_free_port_the_range_is_named(monkeypatch: pytest.MonkeyPatch, listener: int) -> None:
    monkeypatch.setattr(ports, "TRIES", 1)
    with PortReservation() as reservation, pytest.raises(ConfigurationError, match=f"between {listener} and"):
        reservation.choose(listener)


def test_ports_end_at_65535() -> None:
    with PortReservation() as reservation:
        assert reservation.choose_or_none(60_000, offsets=(0, 10_000)) is None


def test_the_port_of_auth_login_is_used_by_no_server() -> None:
    login = inspect.signature(auth.login).parameters["port"].default
    assert login not in PREFERRED_PORTS.values()
