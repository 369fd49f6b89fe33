"""Gives tasks the runtime of their stage from Airflow: connections, partition, tokens, and errors."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

from airflow.sdk import Connection, Variable, get_current_context
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowSkipException
from airflow.sdk.log import mask_secret

from spotify_pipeline.connections import ConnectionInfo, creation_hint, token_variable
from spotify_pipeline.errors import ConfigurationError, ConnectionMissing, PastPartition, TerminalError
from spotify_pipeline.lake import keys
from spotify_pipeline.stages.runtime import Attempt, Runtime

log = logging.getLogger(__name__)


class VariableState:
    """Tokens of a user's login, kept between tasks in an Airflow Variable, which Airflow encrypts."""

    def __init__(self, connection: str) -> None:
        self._connection = connection
        self.key = token_variable(connection)

    def read(self) -> str | None:
        """Return the stored text, or None if nothing was stored."""
        value = Variable.get(self.key, default=None)
        return None if value is None else str(value)

    def write(self, text: str) -> None:
        """Replace the text."""
        Variable.set(
            self.key,
            text,
            description=f"Written by the pipeline: refreshed tokens of connection {self._connection}",
        )

    def remove(self) -> None:
        """Delete the Variable."""
        Variable.delete(self.key)


def from_airflow(conn_id: str) -> ConnectionInfo:
    """Read a connection through Airflow, which also masks its secrets in logs.

    Raises:
        ConnectionMissing: Airflow knows no such connection.
    """
    try:
        found = Connection.get(conn_id)
    except AirflowNotFoundException:
        raise ConnectionMissing(
            f"connection '{conn_id}' is not defined: add it under Admin → Connections, in "
            f"airflow_settings.yaml or as variable AIRFLOW_CONN_{conn_id.upper()}{creation_hint(conn_id)}"
        ) from None
    return ConnectionInfo(
        conn_id=conn_id,
        conn_type=found.conn_type or "generic",
        host=found.host,
        port=found.port,
        login=found.login,
        password=found.password,
        schema=found.schema,
        # airflow_settings.yaml lowers the case of these keys, so we do it everywhere
        extra={key.lower(): value for key, value in found.extra_dejson.items()},
    )


def partition_of(context: Any) -> date:
    """Return the partition of the running DAG run.

    Raises:
        ConfigurationError: the run has no key, or the key is not a date.
    """
    key = context["dag_run"].partition_key
    if key is None:
        raise ConfigurationError(
            "the run has no partition key: trigger the DAG again, and enter a date such as 2026-11-22 as "
            "Partition Key under Advanced Options"
        )
    return keys.parse_partition(key)


def partition_or_today(context: Any) -> date:
    """Return the partition of the running DAG run; without a key, the UTC date on which it was triggered.

    Raises:
        ConfigurationError: the key is not a date.
    """
    run = context["dag_run"]
    if run.partition_key is None:
        # the same on every try and in every task, also after midnight
        triggered_at: datetime = run.run_after
        return triggered_at.astimezone(UTC).date()
    return partition_of(context)


@contextmanager
def running() -> Iterator[Runtime]:
    """Yield the runtime of one stage and convert its errors to Airflow's.

    PastPartition skips the task. A TerminalError is raised unchanged, and the retry policy fails the task at
    once, since the same call would fail again. Other errors are retried by the task's settings.
    """
    context = get_current_context()
    try:
        attempt = Attempt(run_id=context["dag_run"].run_id, try_number=context["ti"].try_number)
        yield Runtime(
            lookup=from_airflow, attempt=attempt, hide_secret=mask_secret, login_state=VariableState
        )
    except PastPartition as error:
        raise AirflowSkipException(str(error)) from None
    except TerminalError as error:
        log.error("%s: %s", type(error).__name__, error)  # one line, no stack trace
        raise


@contextmanager
def running_partition() -> Iterator[tuple[Runtime, date]]:
    """Yield runtime and partition for one stage of a partitioned run; see `running`."""
    with running() as runtime:
        yield runtime, partition_of(get_current_context())


@contextmanager
def running_partition_or_today() -> Iterator[tuple[Runtime, date]]:
    """Yield runtime and partition for one stage of the ingest; see `partition_or_today`."""
    with running() as runtime:
        yield runtime, partition_or_today(get_current_context())


def tries_are_left() -> bool:
    """Return whether Airflow would retry the current task if it failed now."""
    instance = get_current_context()["ti"]
    return bool(instance.try_number <= instance.max_tries)
