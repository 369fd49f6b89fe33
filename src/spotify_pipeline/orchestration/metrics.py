"""Sends metrics of the pipeline through Airflow's metrics, which are off by default.

| metric | attributes |
|---|---|
| `airflow.spotify.records` | `outcome`: fetched, loaded, quarantined, duplicates, set_aside |
| `airflow.spotify.sources` | `status`: complete, partial, failed |
| `airflow.spotify.dbt_nodes` | `resource_type`, `status` |
| `airflow.spotify.dbt_node.duration` | `resource_type`; a histogram in milliseconds |
| `airflow.spotify.alerts` | `cause`, `severity` |
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk.observability import stats

if TYPE_CHECKING:
    from spotify_pipeline.stages.group import SourceState
    from spotify_pipeline.stages.reconcile import Verdict

log = logging.getLogger(__name__)


def count_sources(states: Iterable[SourceState], verdict: Verdict) -> None:
    """Count the records and sources of a reconciled partition."""
    records: Counter[str] = Counter()
    for state in states:
        for counts in state.counts.values():
            records.update(asdict(counts))
    for outcome, count in records.items():
        _count("spotify.records", count, {"outcome": outcome})
    for status, names in (
        ("complete", verdict.complete),
        ("partial", verdict.partial),
        ("failed", verdict.failed),
    ):
        _count("spotify.sources", len(names), {"status": status})


def count_node(resource_type: str, status: str, seconds: float) -> None:
    """Count one node that dbt ran, and record its duration."""
    _count("spotify.dbt_nodes", 1, {"resource_type": resource_type, "status": status})
    try:
        stats.timing(
            "spotify.dbt_node.duration", timedelta(seconds=seconds), tags={"resource_type": resource_type}
        )
    except Exception as error:
        log.debug("a metric is lost: %s", type(error).__name__)


def count_alert(cause: str, severity: str) -> None:
    """Count an alert, sent or not."""
    _count("spotify.alerts", 1, {"cause": cause, "severity": severity})


def _count(name: str, count: int, attributes: Mapping[str, str]) -> None:
    if not count:
        return
    try:  # a metric must not fail a task
        stats.incr(name, count, tags=dict(attributes))
    except Exception as error:
        log.debug("metric %s is lost: %s", name, type(error).__name__)
