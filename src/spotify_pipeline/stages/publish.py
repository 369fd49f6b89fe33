"""Say that a partition's marts passed every test."""

from __future__ import annotations

from datetime import date

from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse import ops
from spotify_pipeline.warehouse.connection import connect, naming_the_server


def watermark(runtime: Runtime) -> int:
    """The newest committed load: what a dbt run that starts now will certainly see.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with naming_the_server(runtime.ingest), connect(runtime.ingest) as conn:
        return ops.highest_load_seq(conn)


def publish(runtime: Runtime, partition: date, *, load_seq: int, tests_passed: int) -> ops.Publication:
    """Write ops.publication; only what stands behind every test may call this.

    `load_seq` is the watermark taken before the first model ran.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    publication = ops.Publication(partition, runtime.attempt.run_id, load_seq, tests_passed)
    with naming_the_server(runtime.ingest), connect(runtime.ingest) as conn:
        ops.record_publication(conn, publication)
    return publication
