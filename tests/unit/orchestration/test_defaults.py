"""Which errors are worth another try."""

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
def test_the_retry_policy_reads_whether_an_error_is_terminal(kind: type[errors.PipelineError]) -> None:
    error = kind.__new__(kind)
    decision = default_args()["retry_policy"].evaluate(error, try_number=1, max_tries=5)
    expected = RetryAction.FAIL if issubclass(kind, errors.TerminalError) else RetryAction.DEFAULT
    if kind is errors.ConnectionMissing:  # `astro dev start` imports connections after Airflow has started
        expected = RetryAction.RETRY
    assert decision.action is expected


def test_what_is_no_error_of_ours_is_tried_again() -> None:
    decision = default_args()["retry_policy"].evaluate(OSError(), try_number=1, max_tries=5)
    assert decision.action is RetryAction.DEFAULT


def test_no_task_holds_its_slot_for_ever() -> None:
    """A day's calls at 150 per 30 s take less, and waits for a closed bucket give the slot back."""
    assert timedelta(hours=1) < default_args()["execution_timeout"] < timedelta(days=1)
