"""Sandboxes that run in their own processes, and clients of them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from spotify_sandbox.testing import RunningSandbox, running
from tests.integration.sandbox.api_client import client_of

CLOCK = "2026-11-22T06:00:00Z"


@pytest.fixture(scope="session")
def _development() -> Iterator[RunningSandbox]:
    with running(mode="development", clock=CLOCK) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def _extended() -> Iterator[RunningSandbox]:
    with running(mode="extended", clock=CLOCK) as sandbox:
        yield sandbox


def _reset(sandbox: RunningSandbox) -> RunningSandbox:
    sandbox.control.clear_faults()
    sandbox.control.set_clock(CLOCK, frozen=False)
    sandbox.control.reset_calls()
    sandbox.control.reset_users()
    return sandbox


@pytest.fixture
def development(_development: RunningSandbox) -> RunningSandbox:
    """A sandbox for a Development Mode app with clock, faults, call log and users reset."""
    return _reset(_development)


@pytest.fixture
def extended(_extended: RunningSandbox) -> RunningSandbox:
    """A sandbox for an Extended app with clock, faults, call log and users reset."""
    return _reset(_extended)


@pytest.fixture
def development_api(development: RunningSandbox) -> Iterator[httpx.Client]:
    """A client with a token of the Development Mode app."""
    with client_of(development) as client:
        yield client


@pytest.fixture
def extended_api(extended: RunningSandbox) -> Iterator[httpx.Client]:
    """A client with a token of the Extended app."""
    with client_of(extended) as client:
        yield client


@pytest.fixture
def development_user(development: RunningSandbox) -> Iterator[httpx.Client]:
    """A client with a token of listener1, who agreed to every scope of the Development Mode app."""
    with client_of(development, development.user_token()) as client:
        yield client


@pytest.fixture
def extended_user(extended: RunningSandbox) -> Iterator[httpx.Client]:
    """A client with a token of listener1, who agreed to every scope of the Extended app."""
    with client_of(extended, extended.user_token()) as client:
        yield client
