"""Starts Postgres and SeaweedFS for the suite, like the fixtures of tests/conftest.py."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from spotify_stack.object_store import GRPC_OFFSET, PARTS, SeaweedServer
from spotify_stack.ports import PortReservation
from spotify_stack.postgres import PostgresServer
from spotify_stack.processes import running

FIRST_PORT = 15_700


@dataclass(frozen=True)
class Servers:
    """The servers that all environments share: one Postgres and one object store."""

    postgres: PostgresServer
    store: SeaweedServer


@contextmanager
def serving(folder: Path) -> Iterator[Servers]:
    """Start both servers with their data below `folder`; stop them at the end of the block."""
    with PortReservation() as reservation:
        postgres = PostgresServer(
            folder / "postgres", reservation.choose(FIRST_PORT), password="superuser-of-tests", durable=False
        )
        ports = reservation.choose_all(
            {part: FIRST_PORT + 100 + number for number, part in enumerate(PARTS)},
            offsets=dict.fromkeys(PARTS, (0, GRPC_OFFSET)),
        )
        store = SeaweedServer(folder / "store", ports, access_key="test-access", secret_key="test-secret-key")
        postgres.initialise()
        store.initialise()
        with (
            running(
                # each step logs in several times: a costly password hash would take most of its time
                [*postgres.command(), "-c", "scram_iterations=1"],
                check=postgres.check,
                log=folder / "postgres.log",
                what="Postgres of the faults suite",
                stop_signal=signal.SIGINT,
            ),
            running(
                store.command(),
                check=store.check,
                log=folder / "store.log",
                what="object store of the faults suite",
                environment=store.environment(),
            ),
        ):
            yield Servers(postgres, store)
        store.remove_sockets()
