"""Defaults of all DAGs. It is imported at parse, so it does not import slow modules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from spotify_pipeline.errors import ConnectionMissing, TerminalError
from spotify_pipeline.orchestration.alerts.callbacks import on_task_failure
from spotify_pipeline.settings import Settings, Stage

# the day on which Spotify started
START_DATE = datetime(2008, 10, 7, tzinfo=UTC)
OWNER = "data-platform"


def default_args(stage: Stage | None = None) -> dict[str, Any]:
    """Return the default arguments: five retries over about five minutes, enough for a short outage.

    Args:
        stage: Where the tasks run by default; None for Airflow's own defaults.
    """
    return (Settings.placement(stage) if stage else {}) | {
        "owner": OWNER,
        "retries": 5,
        "retry_delay": timedelta(seconds=10),
        "retry_exponential_backoff": 2,
        "max_retry_delay": timedelta(minutes=5),
        # a server that never responds would hold a slot for ever: libpq sets no limit
        "execution_timeout": timedelta(hours=6),
        # a 401, 403 or 404 becomes a TerminalError, which is not retried
        "retry_policy": ExceptionRetryPolicy(
            rules=[
                # `astro dev start` imports the connections after Airflow has started, when tasks may run
                RetryRule(ConnectionMissing, RetryAction.RETRY, reason="the connection may come soon"),
                RetryRule(TerminalError, RetryAction.FAIL, reason="the same call would fail again"),
            ]
        ),
        "on_failure_callback": on_task_failure,
    }
