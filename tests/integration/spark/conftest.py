"""The steps' small world, and one Spark for all tests. Where Java or pyspark is absent, they skip."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.steps.conftest import DAY, World, sandbox, session_sandbox, world
from tests.integration.steps.test_accounts import listen, logged_in, own_sources
from tests.integration.steps.test_replay import spoil

from spotify_pipeline.errors import EngineMissing
from spotify_pipeline.spark.session import require_java, spark_session

__all__ = ["sandbox", "session_sandbox", "world"]
DAYS = [DAY + timedelta(days=offset) for offset in range(3)]
# of the last number: how often a task is tried
MASTER = "local[2,3]"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Minutes for a file, and a JVM."""
    for item in items:
        if "integration/spark" in item.path.as_posix():
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    pytest.importorskip("pyspark", reason="pyspark is absent: `make spark` installs it")
    try:
        require_java()
    except EngineMissing as error:
        pytest.skip(str(error))
    with spark_session(MASTER, {"spark.sql.shuffle.partitions": "4"}) as session:
        yield session


@pytest.fixture
def account(world: World) -> Iterator[World]:
    """A user's sources beside two that overlap."""
    artists = [artist_id for artist_id, _ in world.sandbox.control.catalog().artists]
    world.list_sources(
        {"name": "first", "kind": "artist", "ids": artists[:2]},
        {"name": "second", "kind": "artist", "ids": artists[1:3]},
        *own_sources(world),
    )
    yield logged_in(world)
    world.sandbox.control.reset_users()


def three_days(world: World) -> None:
    """Churn from day to day, details, and two readings of the listening history."""
    for day in DAYS:
        world.go_to(day)
        world.run(day)
        world.run_details(day)
    world.go_to(DAY)
    listen(world)


@pytest.fixture
def loaded(account: World) -> World:
    three_days(account)
    spoil(account, "first", b'"explicit":false', b'"explicit":"no"')
    return account
