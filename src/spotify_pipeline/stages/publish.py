"""Publishes the marts of a partition after all tests have passed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from spotify_pipeline.files import folder_digest
from spotify_pipeline.settings import DBT_OUTPUT_FOLDERS
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse import publication
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.load_log import highest_load_seq
from spotify_pipeline.warehouse.publication import Build, Inputs, Publication

WAIT_FOR_READERS = 60
"""Seconds that a publication waits for readers that have pinned the present tables."""


def watermark(runtime: Runtime) -> int:
    """Return the load_seq of the newest committed load, which a dbt run that starts now reads.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with connect(runtime.ingest) as conn:
        return highest_load_seq(conn)


@dataclass(frozen=True)
class Watermark:
    """Identity of the inputs that were committed before the first model of a run started.

    Attributes:
        load_seq: the newest load.
        digest: digest of all inputs of dbt, including the project.
        code: digest of the project alone.
        is_published: whether the published tables were built from the same inputs.
    """

    load_seq: int
    digest: str
    code: str
    is_published: bool


def take_watermark(runtime: Runtime, project: Path) -> Watermark:
    """Return the watermark of a run that starts now; `project` is the folder of the dbt project.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    code = code_digest(project)
    with connect(runtime.ingest) as conn:
        inputs = publication.inputs_of(conn, code)
        return Watermark(inputs.load_seq, inputs.digest, code, publication.is_published(conn, inputs))


def code_digest(project: Path) -> str:
    """Return a digest of the files of the dbt project and the versions of dbt."""
    found = hashlib.sha256(folder_digest(project, without=DBT_OUTPUT_FOLDERS).encode())
    for package in ("dbt-core", "dbt-postgres"):
        found.update(f"{package} {_version(package)}\n".encode())
    return found.hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def publish(
    runtime: Runtime, partition: date, project: Path, covered: Watermark, build: Build
) -> Publication:
    """Publish the tables that dbt has built, with a row of ops.publication, in one transaction.

    Args:
        runtime: connections, and the run that publishes.
        partition: the partition to publish.
        project: folder of the dbt project.
        covered: the watermark taken before the first model ran.
        build: models and tests of the dbt project.

    Raises:
        BuildIncomplete: a model is not built, or a test has not passed.
        MartsPinned: readers kept the present tables for too long.
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    # the digest is not known if the project changed, since tasks may have built with different versions
    digest = covered.digest if code_digest(project) == covered.code else None
    with connect(runtime.ingest) as conn:
        return publication.publish(
            conn,
            partition,
            runtime.attempt.run_id,
            covered.load_seq,
            build,
            wait=WAIT_FOR_READERS,
            inputs_digest=digest,
        )


def publish_again(runtime: Runtime, partition: date, covered: Watermark) -> Publication:
    """Publish the present tables for one more partition.

    Raises:
        BuildIncomplete: other tables were published since the watermark was taken.
        MartsPinned: readers kept the newest publication for too long.
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    inputs = Inputs(covered.load_seq, covered.digest)
    with connect(runtime.ingest) as conn:
        return publication.publish_again(
            conn, partition, runtime.attempt.run_id, inputs, wait=WAIT_FOR_READERS
        )
