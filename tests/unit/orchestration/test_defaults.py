"""Tests which errors are retried, and the limit of a task's duration."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk import RetryAction

from spotify_pipeline import errors
from spotify_pipeline.orchestration.defaults import default_args

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.PipelineError)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_only_terminal_errors_are_not_retried(kind: type[errors.PipelineError]) -> None:
    error = kind.__new__(kind)
    decision = default_args()["retry_policy"].evaluate(error, try_number=1, max_tries=5)
    expected = RetryAction.FAIL if issubclass(kind, errors.TerminalError) else RetryAction.DEFAULT
    if kind is errors.ConnectionMissing:  # `astro dev start` imports connections after Airflow has started
        expected = RetryAction.RETRY
    assert decision.action is expected


def test_an_error_outside_the_pipeline_s_tree_is_retried() -> None:
    decision = default_args()["retry_policy"].evaluate(OSError(), try_number=1, max_tries=5)
    assert decision.action is RetryAction.DEFAULT


def test_a_task_has_a_time_limit() -> None:
    """A day's calls at 150 per 30 s take less, and a wait for a closed bucket releases the slot."""
    assert timedelta(hours=1) < default_args()["execution_timeout"] < timedelta(days=1)
