"""Say that a partition's marts passed every test."""

from __future__ import annotations

from datetime import date

from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse.connection import connect, naming_the_server
from spotify_pipeline.warehouse.load_log import highest_load_seq
from spotify_pipeline.warehouse.publication import Publication, record_publication


def watermark(runtime: Runtime) -> int:
    """The newest committed load: what a dbt run that starts now will certainly see.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with naming_the_server(runtime.ingest), connect(runtime.ingest) as conn:
        return highest_load_seq(conn)


def publish(runtime: Runtime, partition: date, *, load_seq: int, tests_passed: int) -> Publication:
    """Write ops.publication; only what stands behind every test may call this.

    `load_seq` is the watermark taken before the first model ran.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    publication = Publication(partition, runtime.attempt.run_id, load_seq, tests_passed)
    with naming_the_server(runtime.ingest), connect(runtime.ingest) as conn:
        record_publication(conn, publication)
    return publication
