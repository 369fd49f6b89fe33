"""Reports the OpenLineage datasets of tasks: raw and validated zone by source, and tables of staging.

It is off unless Airflow's OpenLineage provider has a transport. A finished task then adds its datasets to its
inlets and outlets, which the provider reads for its event. dbt's tasks report through Cosmos, with the same
names. Errors of lineage never fail a task.

OpenLineage names a dataset by namespace and name (https://openlineage.io/docs/spec/naming): Postgres
`postgres://host:port` and `database.schema.table`, S3 `s3://bucket` and the key. Airflow's asset of a table
is `postgres://host:port/database/schema/table`, as in its Postgres provider and in Cosmos.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.openlineage import conf
from airflow.sdk import get_current_context

from spotify_pipeline.connections import SPOTIFY_LAKE, WAREHOUSE_DBT, ConnectionInfo
from spotify_pipeline.lake import keys
from spotify_pipeline.stages.plays import LISTENING, is_listening
from spotify_pipeline.warehouse.table_specs import SPECS

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset

    from spotify_pipeline.connections import ConnectionLookup
    from spotify_pipeline.stages.group import SourceState

log = logging.getLogger(__name__)
PARTITION = "ingest_date"
POSTGRES_PORT = 5432
# kinds of records that a record mentions, so that it writes their tables as well
_MENTIONS: Mapping[str, tuple[str, ...]] = {"track": ("album", "artist"), "album": ("artist",)}
_LISTS: Mapping[str, tuple[str, ...]] = {
    "playlist_item": ("staging.playlist_membership", "staging.list_reads"),
    "saved_track": ("staging.saved_tracks", "staging.list_reads"),
    "top_track": ("staging.top_tracks", "staging.list_reads"),
    "top_artist": ("staging.top_artists", "staging.list_reads"),
    "followed_artist": ("staging.followed_artists", "staging.list_reads"),
    "play": ("staging.plays",),
}
_ALWAYS = ("ops.load",)
_RECORDS = ("staging.source_records",)


@dataclass(frozen=True)
class DatasetName:
    """Namespace and name of a dataset."""

    namespace: str
    name: str


Report = Callable[[Iterable[DatasetName], Iterable[DatasetName], date], None]


def fetched(lookup: ConnectionLookup, partition: date, states: Iterable[SourceState]) -> None:
    """Report that the raw objects of each source were written."""
    with _reporting() as report:
        if report is not None:
            lake = lookup(SPOTIFY_LAKE)
            report((), [_zone(lake, keys.RAW, state.source) for state in _good(states)], partition)


def validated(lookup: ConnectionLookup, partition: date, states: Iterable[SourceState]) -> None:
    """Report that raw objects were read and validated ones written."""
    with _reporting() as report:
        if report is not None:
            lake = lookup(SPOTIFY_LAKE)
            sources = [state.source for state in _good(states)]
            read = [_zone(lake, keys.RAW, source) for source in sources]
            report(read, [_zone(lake, keys.VALIDATED, source) for source in sources], partition)


def loaded(lookup: ConnectionLookup, partition: date, states: Iterable[SourceState]) -> None:
    """Report that validated objects were read, and the tables of the accepted records written."""
    _loaded_from(keys.VALIDATED, lookup, partition, states)


def replayed(lookup: ConnectionLookup, partition: date, states: Iterable[SourceState]) -> None:
    """Report that raw objects were read again, and the tables of the accepted records written."""
    _loaded_from(keys.RAW, lookup, partition, states)


def _loaded_from(zone: str, lookup: ConnectionLookup, partition: date, states: Iterable[SourceState]) -> None:
    with _reporting() as report:
        if report is not None:
            good = list(_good(states))
            read = [_zone(lookup(SPOTIFY_LAKE), zone, state.source) for state in good]
            kinds = {kind for state in good for kind, count in state.counts.items() if count.loaded}
            report(read, _tables(lookup(WAREHOUSE_DBT), tables_of(kinds)), partition)


def wrote_tables(lookup: ConnectionLookup, partition: date, *tables: str) -> None:
    """Report that tables (`schema.table`) were written, from data that is in no dataset."""
    with _reporting() as report:
        if report is not None:
            report((), _tables(lookup(WAREHOUSE_DBT), tables), partition)


@contextmanager
def _reporting() -> Iterator[Report | None]:
    """Yield the function that reports datasets, None if lineage is off; errors become warnings."""
    try:
        yield None if conf.is_disabled() else _report
    except Exception as error:
        log.warning("lineage of this task is not reported: %s", error)


def _report(inputs: Iterable[DatasetName], outputs: Iterable[DatasetName], partition: date) -> None:
    """Add datasets to the inlets and outlets of the running task, which can also contain assets."""
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
    return [table_dataset(warehouse, schema, name) for schema, name in split]


def _zone(lake: ConnectionInfo, zone: str, source: str) -> DatasetName:
    # the listening history has a source for each hour, which together are one dataset
    return zone_dataset(lake, zone, LISTENING if is_listening(source) else source)


def _good(states: Iterable[SourceState]) -> Iterator[SourceState]:
    return (state for state in states if not state.failed)


def table_dataset(warehouse: ConnectionInfo, schema: str, name: str) -> DatasetName:
    """Return the name of a table or view of the warehouse.

    Pass dbt's connection (`warehouse_dbt`), even if another login writes the table: another connection can
    have another host name of the same server, and then the names would differ.

    Raises:
        ConfigurationError: the connection has no host or no database.
    """
    return DatasetName(_server(warehouse), f"{warehouse.require('schema')}.{schema}.{name}")


def table_uri(warehouse: ConnectionInfo, schema: str, name: str) -> str:
    """Return the URI of the Airflow asset of a table or view.

    Raises:
        ConfigurationError: see `table_dataset`.
    """
    host = warehouse.require("host")
    # a URI has brackets around an IPv6 address; Airflow accepts only ASCII
    server = f"[{host}]" if ":" in host else quote(host, safe="")
    path = "/".join(quote(part, safe="") for part in (warehouse.require("schema"), schema, name))
    return f"postgres://{server}:{warehouse.port or POSTGRES_PORT}/{path}"


def zone_dataset(lake: ConnectionInfo, zone: str, source: str) -> DatasetName:
    """Return the name of one source in a zone of the lake over all dates, for example `raw/source=jazz`.

    It is the key without date and user: a dataset is one node of the lineage, not one per day, and a lineage
    store keeps names after the user's objects are erased.

    Raises:
        ConfigurationError: the connection names no bucket.
    """
    return DatasetName(f"s3://{lake.require('schema')}", f"{zone}/source={source}")


def _server(warehouse: ConnectionInfo) -> str:
    return f"postgres://{warehouse.require('host')}:{warehouse.port or POSTGRES_PORT}"


def tables_of(kinds: Iterable[str]) -> list[str]:
    """Return the sorted tables (`schema.table`) that a load of these record kinds writes."""
    found = set(_ALWAYS)
    for kind in kinds:
        if kind in SPECS:
            found |= {SPECS[kind].table, SPECS[kind].observations, *_RECORDS}
            found |= {SPECS[mentioned].table for mentioned in _MENTIONS.get(kind, ())}
        found |= set(_LISTS.get(kind, ()))
    return sorted(found)
