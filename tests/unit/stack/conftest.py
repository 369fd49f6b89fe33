"""Fixtures of the tests of the stack."""

from __future__ import annotations

import os

import pytest

from spotify_stack import state

# below those of running stacks and servers of tests; so are the gRPC ports, which are 10,000 higher
FIRST_PRIVATE_PORT = 11_000
PORTS_OF_A_WORKER = 400


@pytest.fixture
def first_port() -> int:
    """Return the first of a range of ports that no other worker of this test session uses."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return FIRST_PRIVATE_PORT + PORTS_OF_A_WORKER * worker


@pytest.fixture
def private_ports(first_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let stacks prefer ports that stay free between two starts, whatever runs on this machine."""
    preferred = {name: first_port + 30 * number for number, name in enumerate(state.PREFERRED_PORTS)}
    monkeypatch.setattr(state, "PREFERRED_PORTS", preferred)
