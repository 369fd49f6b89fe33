"""Runs what operators and other DAGs do after the days of an ingest, as tasks and commands do.

Unlike a step of the ingest, an operation may commit several times. Between a fault and its retry a part of
its effect can be visible; after the retry nothing may differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial

from spotify_pipeline.errors import WarehouseUnavailable
from spotify_pipeline.lake import keys
from spotify_pipeline.maintenance.erase import erase_user
from spotify_pipeline.maintenance.logins import forget_logins
from spotify_pipeline.maintenance.retention import apply_retention, upkeep
from spotify_pipeline.report.build import publish_report
from spotify_pipeline.stages.dbt_docs import publish_docs
from spotify_pipeline.stages.quarantine_replay import open_records
from spotify_pipeline.stages.quarantine_replay import replay as replay_quarantined
from spotify_pipeline.stages.replay import plan_replay, reconcile_replay, replay_partition
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse.quarantine import Filters
from tests.accounts import user_hash

USER = "listener1"
RETAIN_DAYS = 1
"""Every age limit of the operation `retain`, which keeps one day."""
_PAGE = '<script>n="MANIFEST.JSON INLINE DATA";c="CATALOG.JSON INLINE DATA"</script>'


def replay(runtime: Runtime, day: date) -> None:
    """Replay the user's lists of a day, as `spotify_replay` does with its parameter `sources`."""
    replay_day(runtime, day, ["lists"])


def replay_day(runtime: Runtime, day: date, sources: Sequence[str] = ()) -> None:
    """Replay some sources of a day from raw, or all."""
    for planned in plan_replay(runtime, day, day, sources):
        states = replay_partition(runtime, planned, tries_left=True)
        reconcile_replay(runtime, planned.partition, states)


def quarantine(runtime: Runtime, day: date) -> None:
    """Replay the quarantined records, as `spotify-pipeline quarantine replay` does.

    Raises:
        WarehouseUnavailable: a source was not replayed; the command says so, and is run again.
    """
    outcome = replay_quarantined(runtime, open_records(runtime, Filters()))
    if outcome.failures:
        raise WarehouseUnavailable("; ".join(outcome.failures))


def report(runtime: Runtime, day: date) -> None:
    """Publish the report of the day, as `spotify_report` does."""
    publish_report(runtime, day)


def docs(runtime: Runtime, day: date) -> None:
    """Publish documentation that dbt has generated, as `write_docs` does."""
    target = runtime.settings.sources.with_name(f"target-{runtime.attempt.try_number}")
    target.mkdir(exist_ok=True)
    for name in ("manifest.json", "catalog.json"):
        # each attempt generates it anew, at another time
        metadata = {"generated_at": f"at try {runtime.attempt.try_number}"}
        (target / name).write_text(json.dumps({"metadata": metadata, "nodes": {}}))
    (target / keys.DOCS_PAGE).write_text(_PAGE)
    publish_docs(runtime, target)


def erase(runtime: Runtime, day: date) -> None:
    """Erase the user, as `spotify-pipeline erase-user` does."""
    erase_user(runtime, user_hash(USER), partial(forget_logins, runtime.settings, None))


def retain(runtime: Runtime, day: date) -> None:
    """Remove what is older than a day, as `spotify_maintenance` does."""
    limits = {name: RETAIN_DAYS for name in type(runtime.settings).model_fields if name.startswith("retain_")}
    settings = runtime.settings.model_copy(update=limits)
    strict = type(runtime)(settings=settings, lookup=runtime.lookup, attempt=runtime.attempt)
    apply_retention(strict, day + timedelta(days=RETAIN_DAYS))
    upkeep(strict)


OPERATIONS: Mapping[str, Callable[[Runtime, date], None]] = {
    "replay": replay,
    "quarantine": quarantine,
    "report": report,
    "docs": docs,
    "erase": erase,
    "retain": retain,
}
"""In the order in which they follow each other."""
