"""The environment variables of the stack's Airflow: configuration, connections and settings."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, MutableMapping
from urllib.parse import quote

from spotify_pipeline import connections as ids
from spotify_pipeline.lake.keys import DOCS_PAGE
from spotify_pipeline.settings import PREFIX, PROJECT_ROOT
from spotify_pipeline.spotify.account_ids import AccountKey
from spotify_pipeline.spotify.login import ALL_SCOPES
from spotify_stack import celery_workers
from spotify_stack.object_store import BUCKET, REGION
from spotify_stack.state import StackState

METADATA_DATABASE = "airflow"
METADATA_USER = "airflow"
WAREHOUSE_DATABASE = "warehouse"
# connection -> (role in Postgres, name of its secret)
WAREHOUSE_LOGINS = {
    ids.WAREHOUSE_OWNER: ("spotify_owner", "warehouse_owner"),
    ids.WAREHOUSE_INGEST: ("spotify_ingest", "warehouse_ingest"),
    ids.WAREHOUSE_DBT: ("spotify_dbt", "warehouse_dbt"),
    ids.WAREHOUSE_READER: ("spotify_reader", "warehouse_reader"),
}
PARALLELISM = 6
# 1 writes lineage events to files, a URL sends them to an OpenLineage server; read when the stack starts
LINEAGE_VARIABLE = f"{PREFIX}LINEAGE"
# URL of an OTLP receiver (HTTP) for Airflow's metrics and ours; read when the stack starts
METRICS_VARIABLE = f"{PREFIX}METRICS"
# part of the address of dbt's documentation in Airflow
DBT_DOCS = "spotify"
# variables that services do not inherit: they may belong to another Airflow, dbt or Postgres
FOREIGN_PREFIXES = (
    "AIRFLOW",
    "_AIRFLOW",
    "DBT_",
    "PG",
    "AWS_",
    "OPENLINEAGE",
    # PYTHONWARNINGS=error, for example, would end Airflow at its first warning
    "PYTHON",
    "SPOTIFY_PIPELINE_STACK",
)
NO_PROXY = ("NO_PROXY", "no_proxy")
FOREIGN_NAMES = frozenset({"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "DATABASE_URL"})
# files and folders that must exist: with a missing one, no service could open a connection or a file
PATHS = frozenset({"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "TMPDIR"})


def inherited(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that a service may inherit from the user's shell."""
    given = os.environ if environ is None else environ
    return {
        name: value
        for name, value in given.items()
        if not (
            name.startswith(FOREIGN_PREFIXES)
            or name in FOREIGN_NAMES
            or (name in PATHS and not os.path.exists(value))  # noqa: PTH110 - an empty text is no path
        )
    }


def isolate(environ: MutableMapping[str, str] | None = None) -> None:
    """Remove variables for other servers from this process, which calls servers of this machine.

    libpq reads PGSSLMODE and PGHOSTADDR, dbt reads DBT_TARGET, HTTP clients read proxy variables.

    Args:
        environ: Environment to change; by default that of this process.
    """
    given = os.environ if environ is None else environ
    for name in [name for name in given if name.startswith(("PG", "DBT_")) or name in FOREIGN_NAMES]:
        del given[name]
    given.update(no_proxy(given))


def no_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that exempt this machine from HTTP proxies, and the user's own exemptions."""
    exempt = ",".join(environ.get(name, "") for name in NO_PROXY)
    listed = (host.strip() for host in exempt.split(","))
    text = ",".join(dict.fromkeys(host for host in (*listed, "127.0.0.1", "localhost") if host))
    return dict.fromkeys(NO_PROXY, text)


def connections(state: StackState) -> dict[str, dict[str, object]]:
    """Return the connections by id, as fields of Airflow's JSON format."""
    host = "127.0.0.1"
    found: dict[str, dict[str, object]] = {
        ids.SPOTIFY_API: {
            "conn_type": "generic",
            "login": state.secrets["spotify_client_id"],
            "password": state.secrets["spotify_client_secret"],
            "extra": {
                "api_url": f"{state.sandbox_url}/v1",
                "accounts_url": state.sandbox_url,
                "app_class": state.sandbox.mode,
            },
        },
        ids.SPOTIFY_LAKE: {
            "conn_type": "generic",
            "host": host,
            "port": state.ports["s3-s3"],
            "login": state.secrets["s3_access_key"],
            "password": state.secrets["s3_secret_key"],
            "schema": BUCKET,
            "extra": {"secure": False, "region": REGION},
        },
    }
    key = AccountKey(state.secrets["spotify_account_key"])
    found[ids.SPOTIFY_ACCOUNT_KEY] = {"conn_type": "generic", "password": key.secret}
    if state.user_token:
        found[ids.SPOTIFY_USER] = {
            "conn_type": "generic",
            "login": state.secrets["spotify_client_id"],
            "password": state.user_token,
            "extra": {
                "scopes": " ".join(ALL_SCOPES),
                "authorized_on": state.made_on,
                "user_hash": key.user_hash(state.sandbox_user),
                "key_id": key.key_id,
            },
        }
    for conn_id, (role, secret) in WAREHOUSE_LOGINS.items():
        found[conn_id] = {
            "conn_type": "postgres",
            "host": host,
            "port": state.ports["warehouse"],
            "login": role,
            "password": state.secrets[secret],
            "schema": WAREHOUSE_DATABASE,
        }
    return found


def connection_variables(state: StackState) -> dict[str, str]:
    """Return `AIRFLOW_CONN_…` for each connection; the user's own app replaces the sandbox."""
    everything = connections(state) | celery_workers.connections(state)
    found = {ids.variable_name(name): json.dumps(fields) for name, fields in everything.items()}
    if state.own_app:
        found[ids.variable_name(ids.SPOTIFY_API)] = state.own_app
        if state.own_user:
            found[ids.variable_name(ids.SPOTIFY_USER)] = state.own_user
        if state.own_key:
            found[ids.variable_name(ids.SPOTIFY_ACCOUNT_KEY)] = state.own_key
    return found


def dbt_docs_url(state: StackState) -> str:
    """Return the address of dbt's documentation in Airflow; it needs no login."""
    return f"{state.airflow_url}/cosmos/{DBT_DOCS}/dbt_docs_index.html"


def metadata_url(state: StackState, driver: str) -> str:
    """Return the SQLAlchemy URL of the metadata database."""
    password = quote(state.secrets["metadata_airflow"], safe="")
    port = state.ports["metadata"]
    return f"postgresql+{driver}://{METADATA_USER}:{password}@127.0.0.1:{port}/{METADATA_DATABASE}"


def configuration(state: StackState) -> dict[str, dict[str, str]]:
    """Return Airflow's options by section."""
    home = state.paths.airflow_home
    options = {
        "core": {
            "dags_folder": str(PROJECT_ROOT / "dags"),
            "plugins_folder": str(PROJECT_ROOT / "plugins"),
            "executor": "LocalExecutor",
            "parallelism": str(PARALLELISM),
            "load_examples": "False",
            "dags_are_paused_at_creation": "False",
            "simple_auth_manager_all_admins": "True",
            "fernet_key": state.secrets["airflow_fernet"],
            "execution_api_server_url": f"{state.airflow_url}/execution/",
            # warm workers are forked from the scheduler, see config/airflow_local_settings.py
            "mp_start_method": "fork",
        },
        "database": {
            "sql_alchemy_conn": metadata_url(state, "psycopg2"),
            "sql_alchemy_conn_async": metadata_url(state, "asyncpg"),
        },
        "api": {
            "host": "127.0.0.1",
            "port": str(state.ports["airflow"]),
            "base_url": state.airflow_url,
            "workers": "1",
            "secret_key": state.secrets["airflow_api"],
            "instance_name": "Spotify pipeline",
        },
        "api_auth": {"jwt_secret": state.secrets["airflow_jwt"], "jwt_issuer": "spotify-pipeline"},
        # quick recovery: a dead task is detected and retried within half a minute
        "scheduler": {
            "task_instance_heartbeat_timeout": "30",
            "task_instance_heartbeat_timeout_detection_interval": "5",
            "scheduler_health_check_threshold": "15",
            "orphaned_tasks_check_interval": "15",
            "scheduler_idle_sleep_time": "0.5",
        },
        # a file that changed is parsed at the next refresh, the others once a minute
        "dag_processor": {
            "refresh_interval": "10",
            "min_file_process_interval": "60",
            "parsing_processes": "1",
        },
        "logging": {
            "base_log_folder": str(home / "logs"),
            "dag_processor_child_process_log_directory": str(home / "logs" / "dag_processor"),
            "colored_console_log": "False",
        },
        "cosmos": {
            "enable_telemetry": "False",
            "cache_dir": str(state.paths.root / "cosmos"),
        },
    }
    if not state.workers:
        # Celery workers write no folder of the stack
        docs = {"dir": str(state.paths.dbt_docs), "index": DOCS_PAGE, "name": "dbt docs"}
        options["cosmos"]["dbt_docs_projects"] = json.dumps({DBT_DOCS: docs})
    for section, pairs in celery_workers.configuration(state).items():
        options[section] = options.get(section, {}) | pairs
    return options


def lineage(state: StackState, environ: Mapping[str, str] | None = None) -> dict[str, dict[str, str]]:
    """Return the options of Airflow's OpenLineage provider, or none if LINEAGE_VARIABLE is not set."""
    wanted = (os.environ if environ is None else environ).get(LINEAGE_VARIABLE, "")
    if not wanted or wanted == "0":
        return {}
    to_server = {"type": "http", "url": wanted}
    to_files = {"type": "file", "log_file_path": str(state.paths.lineage / "event")}
    # each task event names its run; events of runs would need a process pool in the scheduler
    policy: list[dict[str, object]] = [
        {"scope": {}, "controls": {"emit_dag_events": False}},
        # it updates the assets of all models, but does not create them
        {
            "scope": {"dag_id": "spotify_transform", "task_id": "publish"},
            "controls": {"extract_operator_metadata": False},
        },
    ]
    return {
        "openlineage": {
            "transport": json.dumps(to_server if wanted.startswith(("http://", "https://")) else to_files),
            "namespace": "spotify",
            "execute_in_thread": "True",
            "emission_policy": json.dumps(policy),
        }
    }


def metrics(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that send metrics to the receiver of METRICS_VARIABLE, or none without it."""
    receiver = (os.environ if environ is None else environ).get(METRICS_VARIABLE, "").rstrip("/")
    if not receiver:
        return {}
    return {
        "AIRFLOW__METRICS__OTEL_ON": "True",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{receiver}/v1/metrics",
        "OTEL_SERVICE_NAME": "spotify-pipeline",
    }


def environment(state: StackState) -> dict[str, str]:
    """Return all variables of an Airflow process, or of a command that works with the stack."""
    options = {
        f"AIRFLOW__{section.upper()}__{name.upper()}": value
        for section, pairs in (configuration(state) | lineage(state)).items()
        for name, value in pairs.items()
    }
    # the user's login file is for Spotify; the sandbox has its own
    login_file = {} if state.own_app else {f"{PREFIX}LOGIN_FILE": str(state.paths.root / "login.json")}
    return {
        "AIRFLOW_HOME": str(state.paths.airflow_home),
        **options,
        **metrics(),
        **connection_variables(state),
        **login_file,
        f"{PREFIX}SOURCES": str(state.paths.sources),
        f"{PREFIX}MADE_UP_DATA": str(state.own_app is None and state.sandbox.catalog is None),
        f"{PREFIX}REPORT_DIR": str(state.paths.reports),
        f"{PREFIX}ALERTS_FILE": str(state.paths.alerts),
        f"{PREFIX}DBT_DOCS_DIR": str(state.paths.dbt_docs),
        "PYTHONPATH": str(PROJECT_ROOT / "config"),
        "PYTHONUNBUFFERED": "1",
        # process titles must not overwrite the environment, which identifies the stack
        "SPT_NOENV": "1",
        # each dbt task copies the project
        "TMPDIR": str(state.paths.temporary),
        **no_proxy(os.environ),
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_LOG_PATH": str(state.paths.logs / "dbt"),
        "WAREHOUSE_HOST": "127.0.0.1",
        "WAREHOUSE_PORT": str(state.ports["warehouse"]),
        "WAREHOUSE_DATABASE": WAREHOUSE_DATABASE,
        "WAREHOUSE_USER": WAREHOUSE_LOGINS[ids.WAREHOUSE_DBT][0],
        "DBT_ENV_SECRET_WAREHOUSE_PASSWORD": state.secrets["warehouse_dbt"],
    }
