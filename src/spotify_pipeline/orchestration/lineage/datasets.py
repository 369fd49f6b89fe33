"""What the tasks of ours say to OpenLineage: raw → validated → staging, one dataset a source and zone.

Off unless Airflow's OpenLineage provider is given a transport; then a task that is done names its datasets
as inlets and outlets, which the provider reads when it tells of the task. dbt's tasks speak through Cosmos,
in the same names. Nothing in here fails a task: lineage is a by-product.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

from airflow.providers.openlineage import conf
from airflow.sdk import get_current_context

from spotify_pipeline.connections import SPOTIFY_LAKE, WAREHOUSE_DBT
from spotify_pipeline.lake import keys
from spotify_pipeline.orchestration.lineage import names
from spotify_pipeline.orchestration.lineage.names import DatasetName
from spotify_pipeline.orchestration.lineage.tables import tables_of
from spotify_pipeline.stages.plays import LISTENING, is_listening

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset

    from spotify_pipeline.connections import ConnectionInfo, ConnectionLookup
    from spotify_pipeline.stages.group import SourceState

log = logging.getLogger(__name__)
PARTITION = "ingest_date"


def fetched(lookup: ConnectionLookup, partition: date, states: Iterable[SourceState]) -> None:
    """Each source's part of the raw zone was written."""
    with _told() as tell:
        if tell is not None:
            lake = lookup(SPOTIFY_LAKE)
            tell((), [_zone(lake, keys.RAW, state.source) for state in _good(states)], partition)


def validated(lookup: ConnectionLookup, partition: date, states: Iterable[SourceState]) -> None:
    """Raw was read, validated rows were written."""
    with _told() as tell:
        if tell is not None:
            lake = lookup(SPOTIFY_LAKE)
            sources = [state.source for state in _good(states)]
            read = [_zone(lake, keys.RAW, source) for source in sources]
            tell(read, [_zone(lake, keys.VALIDATED, source) for source in sources], partition)


def loaded(lookup: ConnectionLookup, partition: date, states: Iterable[SourceState]) -> None:
    """Validated rows were read, the tables of what was accepted were written."""
    with _told() as tell:
        if tell is not None:
            lake = lookup(SPOTIFY_LAKE)
            good = list(_good(states))
            read = [_zone(lake, keys.VALIDATED, state.source) for state in good]
            tell(read, _tables(lookup(WAREHOUSE_DBT), tables_of(_accepted(good))), partition)


def replayed(lookup: ConnectionLookup, partition: date, states: Iterable[SourceState]) -> None:
    """Raw was read again, the tables of what was accepted were written."""
    with _told() as tell:
        if tell is not None:
            good = list(_good(states))
            read = [_zone(lookup(SPOTIFY_LAKE), keys.RAW, state.source) for state in good]
            tell(read, _tables(lookup(WAREHOUSE_DBT), tables_of(_accepted(good))), partition)


def wrote_tables(lookup: ConnectionLookup, partition: date, *tables: str) -> None:
    """Tables, `schema.table`, were written from what no dataset holds."""
    with _told() as tell:
        if tell is not None:
            tell((), _tables(lookup(WAREHOUSE_DBT), tables), partition)


Tell = Callable[[Iterable[DatasetName], Iterable[DatasetName], date], None]


@contextmanager
def _told() -> Iterator[Tell | None]:
    """The way to tell, None where nobody listens; what goes wrong is a warning in the log."""
    try:
        yield None if conf.is_disabled() else _tell
    except Exception as error:
        log.warning("lineage of this task is not told: %s", error)


def _tell(inputs: Iterable[DatasetName], outputs: Iterable[DatasetName], partition: date) -> None:
    """Add to the running task's inlets and outlets; OpenLineage's own datasets may stand among Airflow's."""
    task: Any = get_current_context()["ti"].task
    task.inlets = [*task.inlets, *(_input(name, partition) for name in inputs)]
    task.outlets = [*task.outlets, *(_output(name, partition) for name in outputs)]


def _input(name: DatasetName, partition: date) -> InputDataset:
    from openlineage.client.event_v2 import InputDataset  # noqa: PLC0415 - heavy, and only where it is on
    from openlineage.client.facet_v2 import base_subset_dataset as subset  # noqa: PLC0415

    if not name.namespace.startswith("s3://"):
        return InputDataset(name.namespace, name.name)
    part = subset.PartitionSubsetCondition([subset.Partition({PARTITION: partition.isoformat()})])
    return InputDataset(
        name.namespace, name.name, inputFacets={"subset": subset.InputSubsetInputDatasetFacet(part)}
    )


def _output(name: DatasetName, partition: date) -> OutputDataset:
    from openlineage.client.event_v2 import OutputDataset  # noqa: PLC0415 - heavy, and only where it is on
    from openlineage.client.facet_v2 import base_subset_dataset as subset  # noqa: PLC0415

    if not name.namespace.startswith("s3://"):
        return OutputDataset(name.namespace, name.name)
    part = subset.PartitionSubsetCondition([subset.Partition({PARTITION: partition.isoformat()})])
    return OutputDataset(
        name.namespace, name.name, outputFacets={"subset": subset.OutputSubsetOutputDatasetFacet(part)}
    )


def _tables(warehouse: ConnectionInfo, tables: Iterable[str]) -> list[DatasetName]:
    split = (table.split(".") for table in tables)
    return [names.table(warehouse, schema, name) for schema, name in split]


def _zone(lake: ConnectionInfo, zone: str, source: str) -> DatasetName:
    # the readings of the listening history are sources of an hour each: one dataset all the same
    return names.zone(lake, zone, LISTENING if is_listening(source) else source)


def _accepted(states: Iterable[SourceState]) -> set[str]:
    return {kind for state in states for kind, count in state.counts.items() if count.loaded}


def _good(states: Iterable[SourceState]) -> Iterator[SourceState]:
    return (state for state in states if not state.failed)
