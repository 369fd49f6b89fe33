"""Tests a few random schedules with real processes, and the proxy that they use."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from spotify_stack.ports import PortReservation
from tests.faults.random_proxy import ActiveToxic, FaultProxy, Toxic
from tests.faults.random_run import Runner, runner
from tests.faults.random_schedule import FIXED_SEEDS, Kind, draw

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]
RESPONSE = b"x" * 50_000


@pytest.fixture(scope="module")
def schedules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with runner(tmp_path_factory.mktemp("random")) as made:
        yield made


@pytest.mark.parametrize("seed", FIXED_SEEDS, ids=lambda seed: f"seed-{seed}")
def test_promise_3_killed_anywhere_same_result(schedules: Runner, seed: int) -> None:
    """Repeat one with `python -m tests.faults.random_run --seed N --schedules 1`."""
    schedule = draw(seed)
    result = schedules.run(schedule)
    assert result.findings == [], f"{schedule} differs from an undisturbed run"
    assert sum(row.injected for row in result.rows) >= 1, "no fault took effect"


def test_the_oracle_finds_one_missing_row(schedules: Runner) -> None:
    tampering = "DELETE FROM staging.artists WHERE name = (SELECT min(name) FROM staging.artists)"
    result = schedules.run(draw(0), tampering=tampering)
    assert result.lost >= 1
    assert any("staging.artists" in finding for finding in result.findings)


def test_two_hundred_seeds_reach_every_kind_of_fault() -> None:
    drawn = [draw(seed) for seed in range(200)]
    assert drawn == [draw(seed) for seed in range(200)]
    reached = {fault.kind for schedule in drawn for fault in schedule.faults}
    assert reached | {schedule.order for schedule in drawn} - {None} == set(Kind)
    assert len({str(schedule) for schedule in drawn}) == 200


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    """Yield a proxy before a server that responds to each line with `RESPONSE`."""
    with socket.create_server(("127.0.0.1", 0)) as listener, PortReservation() as ports:

        def response(client: socket.socket) -> None:
            with suppress(OSError), client:
                while client.recv(100):
                    client.sendall(RESPONSE)

        def serve() -> None:
            with suppress(OSError):  # closed at the end of the test
                while True:
                    client, _ = listener.accept()
                    threading.Thread(target=response, args=[client], daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        with FaultProxy(ports.choose(15_990), listener.getsockname()[1]) as made:
            yield made


def send(proxy: FaultProxy, question: bytes = b"ask\n", seconds: float = 5) -> bytes:
    """Return the bytes that arrive before the connection ends; raise OSError if it is reset or refused."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=seconds) as client:
        client.sendall(question)
        response = b""
        while len(response) < len(RESPONSE):
            part = client.recv(2**16)
            if not part:
                break
            response += part
        return response


def test_the_proxy_forwards_everything_without_a_toxic(
    proxy: FaultProxy,
) -> None:
    assert send(proxy) == RESPONSE
    proxy.set_toxic(ActiveToxic(Toxic.REFUSED))
    with pytest.raises(OSError, match="refused|reset"):
        send(proxy)
    proxy.clear_toxic()
    assert send(proxy) == RESPONSE


@pytest.mark.parametrize("toxic", [Toxic.RESET, Toxic.LOST])
def test_a_reset_affects_one_connection(proxy: FaultProxy, toxic: Toxic) -> None:
    proxy.set_toxic(ActiveToxic(toxic, after=1_000, times=1))
    with pytest.raises(ConnectionResetError):
        send(proxy)
    assert send(proxy) == RESPONSE


def test_a_truncated_response_ends_regularly(proxy: FaultProxy) -> None:
    proxy.set_toxic(ActiveToxic(Toxic.CUT, after=1_000, times=1))
    assert send(proxy) == RESPONSE[:1_000]


def test_a_black_hole_sends_nothing_and_closes_nothing(proxy: FaultProxy) -> None:
    proxy.set_toxic(ActiveToxic(Toxic.HOLE))
    with pytest.raises(TimeoutError):
        send(proxy, seconds=0.2)
    proxy.clear_toxic()
    assert send(proxy) == RESPONSE


def test_a_full_store_refuses_writes_but_not_reads(proxy: FaultProxy) -> None:
    proxy.set_toxic(ActiveToxic(Toxic.FULL))
    assert send(proxy, b"PUT /bucket/key HTTP/1.1\r\n").startswith(b"HTTP/1.1 507")
    assert send(proxy, b"GET /bucket/key HTTP/1.1\r\n") == RESPONSE
