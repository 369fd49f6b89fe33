"""The services of a stack: how each is started, recognised as healthy, and stopped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

from spotify_stack import airflow_environment
from spotify_stack.health import NotReady
from spotify_stack.object_store import PARTS, MinioServer, S3Server, SeaweedServer
from spotify_stack.postgres import PostgresServer
from spotify_stack.state import MINIO, StackState

METADATA, WAREHOUSE, STORE, SANDBOX = "metadata-postgres", "warehouse-postgres", "object-store", "sandbox"
API_SERVER, SCHEDULER, DAG_PROCESSOR, TRIGGERER = "api-server", "scheduler", "dag-processor", "triggerer"
SERVERS = (METADATA, WAREHOUSE, STORE, SANDBOX)
AIRFLOW = (API_SERVER, SCHEDULER, DAG_PROCESSOR, TRIGGERER)
ALL = SERVERS + AIRFLOW
# Airflow's own name of a component in its health answer
HEALTH_KEYS = {SCHEDULER: "scheduler", DAG_PROCESSOR: "dag_processor", TRIGGERER: "triggerer"}


@dataclass(frozen=True)
class Service:
    """One process under the supervisor.

    `stop_signal` is sent to the whole process group; after `stop_seconds` SIGKILL follows. `prepare` runs
    right before each start, restarts included.
    """

    name: str
    command: list[str]
    check: Callable[[], None]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    start_seconds: float = 60
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    prepare: Callable[[], None] = lambda: None


def metadata_postgres(state: StackState) -> PostgresServer:
    """The server of Airflow's metadata database."""
    data = state.paths.root / METADATA
    return PostgresServer(data, state.ports["metadata"], state.secrets["metadata_superuser"])


def warehouse_postgres(state: StackState) -> PostgresServer:
    """The server of the warehouse."""
    data = state.paths.root / WAREHOUSE
    return PostgresServer(data, state.ports["warehouse"], state.secrets["warehouse_superuser"])


def object_store(state: StackState) -> S3Server:
    """The S3 server; each program has a folder of its own."""
    if state.store == MINIO:
        return MinioServer(
            state.paths.root / f"{STORE}-{MINIO}",
            state.ports["s3-s3"],
            state.secrets["s3_access_key"],
            state.secrets["s3_secret_key"],
        )
    return SeaweedServer(
        state.paths.root / STORE,
        {part: state.ports[f"s3-{part}"] for part in PARTS},
        state.secrets["s3_access_key"],
        state.secrets["s3_secret_key"],
    )


def all_services(state: StackState) -> dict[str, Service]:
    """Every service by name, in the order in which they may start."""
    services = [
        _postgres(METADATA, metadata_postgres(state)),
        _postgres(WAREHOUSE, warehouse_postgres(state)),
        _object_store(state),
        _sandbox(state),
        *_airflow(state),
    ]
    return {service.name: service for service in services}


def _postgres(name: str, server: PostgresServer) -> Service:
    return Service(
        name,
        server.command(),
        server.check,
        # SIGINT is Postgres' fast shutdown: open sessions are cut off, nothing committed is lost
        stop_signal="INT",
        prepare=server.discard_stale_pid_file,
    )


def _object_store(state: StackState) -> Service:
    store = object_store(state)
    return Service(
        STORE,
        store.command(),
        store.check,
        store.environment(),
        # SeaweedFS often hangs when told to stop; what it has acknowledged survives SIGKILL
        stop_seconds=3,
        prepare=store.initialise,
    )


def _sandbox(state: StackState) -> Service:
    options = state.sandbox
    command = [sys.executable, "-m", "spotify_sandbox", "--port", str(state.ports["sandbox"])]
    command += ["--mode", options.mode]
    command += ["--client-id", state.secrets["spotify_client_id"]]
    if options.catalog:
        command += ["--catalog", options.catalog]
    if options.clock:
        command += ["--clock", options.clock]
    # everybody on this machine can read command lines
    environment = {"SPOTIFY_SANDBOX_CLIENT_SECRET": state.secrets["spotify_client_secret"]}
    if token := state.secrets.get("spotify_refresh_token"):
        environment["SPOTIFY_SANDBOX_REFRESH_TOKEN"] = token
    return Service(SANDBOX, command, lambda: sandbox_check(state), environment)


def sandbox_check(state: StackState) -> None:
    """Ask the sandbox how it is.

    Raises:
        NotReady: it does not answer, or serves another class of app than asked for.
    """
    health = _get(f"{state.sandbox_url}/_sandbox/health", "the sandbox").json()
    if health["mode"] != state.sandbox.mode:
        raise NotReady(f"the sandbox still serves mode {health['mode']}")


def _airflow(state: StackState) -> list[Service]:
    environment = airflow_environment.environment(state)

    def service(name: str, *arguments: str, stop_seconds: int = 10) -> Service:
        return Service(
            name,
            [sys.executable, "-m", "airflow", name, *arguments],
            (lambda: api_server_check(state))
            if name == API_SERVER
            else (lambda: component_check(state, name)),
            environment,
            start_seconds=180,
            stop_seconds=stop_seconds,
        )

    return [
        service(API_SERVER),
        # task logs are read from the disk they are on; serving them would open a port to every interface
        service(SCHEDULER, "--skip-serve-logs", stop_seconds=8),
        service(DAG_PROCESSOR),
        service(TRIGGERER, "--skip-serve-logs"),
    ]


def api_server_check(state: StackState) -> None:
    """Ask the API server for its version.

    Raises:
        NotReady: it does not answer.
    """
    _get(f"{state.airflow_url}/api/v2/version", "Airflow's API server")


def component_check(state: StackState, name: str) -> None:
    """Ask Airflow how one of its components is.

    Raises:
        NotReady: Airflow does not answer, or has had no heartbeat of the component for some seconds.
    """
    health = _get(f"{state.airflow_url}/api/v2/monitor/health", "Airflow's API server").json()
    component = health[HEALTH_KEYS[name]]
    if component["status"] != "healthy":
        raise NotReady(f"Airflow has no fresh heartbeat of its {name}")


def heartbeat(state: StackState, name: str) -> str | None:
    """Moment of the component's last heartbeat in ISO 8601, None before the first."""
    health = _get(f"{state.airflow_url}/api/v2/monitor/health", "Airflow's API server").json()
    key = HEALTH_KEYS[name]
    moment: str | None = health[key].get(f"latest_{key}_heartbeat")
    return moment


def _get(url: str, what: str) -> httpx.Response:
    try:
        # a proxy of the user's shell knows nothing of this machine's loopback
        response = httpx.get(url, timeout=5, trust_env=False)
        response.raise_for_status()
    except httpx.HTTPError as error:
        raise NotReady(f"{what} does not answer at {url}: {error}") from error
    return response
