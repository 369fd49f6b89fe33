"""Tasks of spotify_listening: reads the listening history once an hour, without a partition."""

from __future__ import annotations

from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from spotify_pipeline.connections import WAREHOUSE_OWNER
from spotify_pipeline.lake import keys
from spotify_pipeline.orchestration import lineage
from spotify_pipeline.orchestration.alerts.sources import notify_gaps, notify_login
from spotify_pipeline.orchestration.runtime import running
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.listening import Reading, fetch_plays, load_plays, why_not
from spotify_pipeline.stages.validate import validate_source
from spotify_pipeline.warehouse.migrate import migrate


def fetch() -> dict[str, str]:
    """Fetch the plays since the cursor into the raw zone; skips without a login."""
    with running() as runtime:
        reason = why_not(runtime)
        if reason is not None:
            raise AirflowSkipException(reason)
        migrate(runtime.lookup(WAREHOUSE_OWNER))
        reading = fetch_plays(runtime)
        notify_login(runtime, reading.partition)
        lineage.fetched(runtime.lookup, reading.partition, [SourceState(reading.source)])
        return {"partition": reading.partition.isoformat(), "source": reading.source}


def validate(reading: dict[str, str]) -> dict[str, str]:
    """Validate the raw plays; bad ones go to quarantine with their reasons."""
    with running() as runtime:
        where = _reading(reading)
        validate_source(runtime.lake, where.partition, where.source)
        lineage.validated(runtime.lookup, where.partition, [SourceState(where.source)])
        return reading


def load(reading: dict[str, str]) -> dict[str, Any]:
    """Load the plays into staging, advance the cursor, and record a possible gap."""
    with running() as runtime:
        where = _reading(reading)
        state = load_plays(runtime, where)
        notify_gaps(runtime, where.partition)
        lineage.loaded(runtime.lookup, where.partition, [state])
        return state.to_dict()


def _reading(fields: dict[str, str]) -> Reading:
    return Reading(keys.parse_partition(fields["partition"]), fields["source"])
