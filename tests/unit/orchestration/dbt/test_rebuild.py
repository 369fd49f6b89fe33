"""When a failed run of spotify_transform asks for another one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from spotify_pipeline.orchestration.dbt import rebuild as transform_again


@pytest.fixture
def newest(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The newest load that the warehouse has, to be set by the test."""
    found = [7]

    @contextmanager
    def running() -> Iterator[None]:
        yield None

    monkeypatch.setattr(transform_again, "running", running)
    monkeypatch.setattr(transform_again, "watermark", lambda _: found[0])
    return found


def test_what_failed_stands_where_nothing_was_loaded(newest: list[int]) -> None:
    with pytest.raises(AirflowSkipException, match="since load 7"):
        transform_again.require_newer_load(7)


def test_a_run_that_never_took_its_watermark_is_not_asked_for_again(newest: list[int]) -> None:
    with pytest.raises(AirflowSkipException):
        transform_again.require_newer_load(None)


def test_a_load_in_between_is_a_reason_to_build_again(newest: list[int]) -> None:
    newest[0] = 9
    assert transform_again.require_newer_load(7) == 9
