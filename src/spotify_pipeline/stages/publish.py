"""Publishes the marts of a partition once every test has passed."""

from __future__ import annotations

from datetime import date

from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse import publication
from spotify_pipeline.warehouse.connection import connect, naming_the_server
from spotify_pipeline.warehouse.load_log import highest_load_seq
from spotify_pipeline.warehouse.publication import Build, Publication

WAIT_FOR_READERS = 60
"""Seconds that a publication waits for readers who have pinned the present tables."""


def watermark(runtime: Runtime) -> int:
    """Return the newest committed load: a dbt run that starts now will see it.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with naming_the_server(runtime.ingest), connect(runtime.ingest) as conn:
        return highest_load_seq(conn)


def publish(runtime: Runtime, partition: date, *, load_seq: int, build: Build) -> Publication:
    """Make what dbt has built the tables that people read, with a row of ops.publication, in one transaction.

    Args:
        runtime: connections, and the run that publishes.
        partition: the partition to publish.
        load_seq: the watermark taken before the first model ran.
        build: models and tests of the dbt project.

    Raises:
        BuildIncomplete: a model is not built, or a test has not passed.
        MartsPinned: readers kept the present tables for too long.
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with naming_the_server(runtime.ingest), connect(runtime.ingest) as conn:
        return publication.publish(
            conn, partition, runtime.attempt.run_id, load_seq, build, wait=WAIT_FOR_READERS
        )
