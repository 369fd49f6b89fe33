"""Defines the services of a stack: command, health check and stop signal of each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

from spotify_stack import airflow_environment, celery_workers
from spotify_stack.health import NO_CERTIFICATES, NotReady
from spotify_stack.object_store import PARTS, MinioServer, S3Server, SeaweedServer
from spotify_stack.paths import AIRFLOW_COMMAND
from spotify_stack.postgres import PostgresServer
from spotify_stack.state import MINIO, StackState

METADATA, WAREHOUSE, STORE, SANDBOX = "metadata-postgres", "warehouse-postgres", "object-store", "sandbox"
API_SERVER, SCHEDULER, DAG_PROCESSOR, TRIGGERER = "api-server", "scheduler", "dag-processor", "triggerer"
SERVERS = (METADATA, WAREHOUSE, STORE, SANDBOX)
AIRFLOW = (API_SERVER, SCHEDULER, DAG_PROCESSOR, TRIGGERER)
ALL = SERVERS + AIRFLOW
BROKER = "broker"
# users of the sandbox
USERS = 3
# Airflow's own name of a component in its health response
HEALTH_KEYS = {SCHEDULER: "scheduler", DAG_PROCESSOR: "dag_processor", TRIGGERER: "triggerer"}


@dataclass(frozen=True)
class Service:
    """A process under the supervisor.

    Attributes:
        name: Name of the service.
        command: Command line.
        check: Raises NotReady while the service is not healthy.
        environment: Environment variables.
        start_seconds: Greatest number of seconds until it is healthy, on a busy machine too: a process that
            ends is not waited for.
        stop_signal: Signal to the process group that asks it to stop.
        stop_seconds: Seconds until SIGKILL follows.
        prepare: Runs right before each start and restart.
    """

    name: str
    command: list[str]
    check: Callable[[], None]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    start_seconds: float = 180
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    prepare: Callable[[], None] = lambda: None


def metadata_postgres(state: StackState) -> PostgresServer:
    """Return the server of Airflow's metadata database."""
    data = state.paths.root / METADATA
    return PostgresServer(data, state.ports["metadata"], state.secrets["metadata_superuser"])


def warehouse_postgres(state: StackState) -> PostgresServer:
    """Return the server of the warehouse."""
    data = state.paths.root / WAREHOUSE
    return PostgresServer(data, state.ports["warehouse"], state.secrets["warehouse_superuser"])


def object_store(state: StackState) -> S3Server:
    """Return the S3 server; SeaweedFS and MinIO have separate data folders."""
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


def servers(state: StackState) -> tuple[str, ...]:
    """Return the names of the services that Airflow and the pipeline use."""
    return (*SERVERS, BROKER) if state.workers else SERVERS


def airflow(state: StackState) -> tuple[str, ...]:
    """Return the names of Airflow's own services."""
    return (*AIRFLOW, *celery_workers.names(state))


def all_services(state: StackState) -> dict[str, Service]:
    """Return all services by name, in start order."""
    services = [
        _postgres(METADATA, metadata_postgres(state)),
        _postgres(WAREHOUSE, warehouse_postgres(state)),
        _object_store(state),
        _sandbox(state),
        *([_broker(state)] if state.workers else []),
        *_airflow(state),
        *(_worker(state, name) for name in celery_workers.names(state)),
    ]
    return {service.name: service for service in services}


def _postgres(name: str, server: PostgresServer) -> Service:
    return Service(
        name,
        server.command(),
        server.check,
        # SIGINT is Postgres' fast shutdown: it ends open sessions and loses nothing that is committed
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
        # SeaweedFS often hangs at a stop; acknowledged writes survive SIGKILL
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
    # every user of this machine can read command lines
    environment = {"SPOTIFY_SANDBOX_CLIENT_SECRET": state.secrets["spotify_client_secret"]}
    if token := state.secrets.get("spotify_refresh_token"):
        environment["SPOTIFY_SANDBOX_REFRESH_TOKEN"] = token
        command += ["--logged-in", state.sandbox_user, "--users", str(max(USERS, state.listener))]
    return Service(SANDBOX, command, lambda: sandbox_check(state), environment)


def sandbox_check(state: StackState) -> None:
    """Check the health of the sandbox.

    Raises:
        NotReady: it does not respond, or serves another class of app.
    """
    health = _get(f"{state.sandbox_url}/_sandbox/health", "the sandbox").json()
    if health["mode"] != state.sandbox.mode:
        raise NotReady(f"the sandbox still serves mode {health['mode']}")


def _airflow(state: StackState) -> list[Service]:
    environment = airflow_environment.environment(state)

    def service(name: str, *arguments: str, stop_seconds: int = 10) -> Service:
        return Service(
            name,
            [*AIRFLOW_COMMAND, name, *arguments],
            (lambda: api_server_check(state))
            if name == API_SERVER
            else (lambda: component_check(state, name)),
            environment,
            start_seconds=600,
            stop_seconds=stop_seconds,
        )

    return [
        service(API_SERVER),
        # task logs are read from disk; a log server would listen on all interfaces
        service(SCHEDULER, "--skip-serve-logs", stop_seconds=8),
        service(DAG_PROCESSOR),
        service(TRIGGERER, "--skip-serve-logs"),
    ]


def _broker(state: StackState) -> Service:
    return Service(
        BROKER,
        celery_workers.broker_command(state),
        lambda: celery_workers.broker_check(state),
        prepare=lambda: celery_workers.configure_broker(state),
    )


def _worker(state: StackState, name: str) -> Service:
    return Service(
        name,
        celery_workers.worker_command(name),
        lambda: celery_workers.worker_check(state, name),
        celery_workers.worker_environment(state, name, airflow_environment.environment(state)),
        start_seconds=180,
        prepare=lambda: celery_workers.empty_folder(state, name),
    )


def api_server_check(state: StackState) -> None:
    """Check that the API server responds.

    Raises:
        NotReady: it does not respond.
    """
    _get(f"{state.airflow_url}/api/v2/version", "Airflow's API server")


def component_check(state: StackState, name: str) -> None:
    """Check the health of a component of Airflow.

    Raises:
        NotReady: Airflow does not respond, or has had no heartbeat of the component for some seconds.
    """
    health = _get(f"{state.airflow_url}/api/v2/monitor/health", "Airflow's API server").json()
    component = health[HEALTH_KEYS[name]]
    if component["status"] != "healthy":
        raise NotReady(f"Airflow has no fresh heartbeat of its {name}")


def heartbeat(state: StackState, name: str) -> str | None:
    """Return the time of the last heartbeat of a component in ISO 8601, or None before the first."""
    health = _get(f"{state.airflow_url}/api/v2/monitor/health", "Airflow's API server").json()
    key = HEALTH_KEYS[name]
    moment: str | None = health[key].get(f"latest_{key}_heartbeat")
    return moment


def _get(url: str, what: str) -> httpx.Response:
    try:
        # no proxy for loopback addresses
        response = httpx.get(url, timeout=5, trust_env=False, verify=NO_CERTIFICATES)
        response.raise_for_status()
    except httpx.HTTPError as error:
        raise NotReady(f"{what} does not respond at {url}: {error}") from error
    return response
