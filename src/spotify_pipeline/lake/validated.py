"""Reads and writes the validated zone: observations as NDJSON; of a record's stubs only the winner."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO, TypeVar

import orjson

from spotify_pipeline.contract.observations import ROW_KINDS, Observation, RowKind
from spotify_pipeline.errors import DamagedObject, DiskFull
from spotify_pipeline.files import FULL
from spotify_pipeline.lake import Lake, keys
from spotify_pipeline.lake.manifest import sha256
from spotify_pipeline.lake.validation_summary import ValidationSummary

NDJSON = "application/x-ndjson"
_SPOOL_BYTES = 16 * 2**20
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def to_line(observation: Observation) -> bytes:
    """Return an observation as one NDJSON line."""
    fields: dict[str, Any] = {
        "key": observation.key,
        "rank": observation.rank,
        "observed_at": observation.observed_at,
        "raw_key": observation.raw_key,
        "groups": observation.groups,
    }
    if observation.stub:
        fields["stub"] = True
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


def from_line(kind: RowKind, line: bytes) -> Observation:
    """Parse a line that `to_line` made.

    Raises:
        ValueError, TypeError, KeyError: it is another line.
    """
    fields = orjson.loads(line)
    return Observation(
        kind,
        fields["key"],
        fields["rank"],
        datetime.fromisoformat(fields["observed_at"]),
        fields["raw_key"],
        fields["groups"],
        fields.get("stub", False),
    )


class NdjsonFile:
    """Collects the lines of one object before it is stored; in memory while they are few."""

    def __init__(self) -> None:
        self._file: BinaryIO = tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)  # type: ignore[assignment]  # noqa: SIM115
        self._digest = hashlib.sha256()
        self.lines = 0

    def write(self, line: bytes) -> None:
        """Append a line, which must end in a line feed."""
        try:
            self._file.write(line)
        except OSError as error:
            raise self._refused(error) from None
        self._digest.update(line)
        self.lines += 1

    def store(self, lake: Lake, key: str) -> str | None:
        """Write the object and return its SHA-256; without lines, write nothing and return None."""
        if self.lines:
            try:
                self._file.flush()
            except OSError as error:
                raise self._refused(error) from None
            lake.put(key, self._file, content_type=NDJSON)
        self._file.close()
        return self._digest.hexdigest() if self.lines else None

    def _refused(self, error: OSError) -> Exception:
        """Return the error to raise, and give up what is not on the disk yet."""
        with suppress(OSError):
            self._file.close()
        return DiskFull.of("a temporary file", error) if error.errno in FULL else error


def read_observations(lake: Lake, summary: ValidationSummary) -> Iterator[Observation]:
    """Yield the observations that a validation accepted.

    Raises:
        DamagedObject: an object is absent, unreadable, or was altered. The digest is checked after the last
            line, so the error can come after all observations.
    """
    for kind in ROW_KINDS:
        key = keys.validated_key(summary.partition, summary.source, kind, summary.user)
        digest = summary.objects.get(key)
        if digest is None:  # a kind without records has no object
            continue
        try:
            for line in lake.lines(key, digest):
                yield from_line(kind, line)
        except (DamagedObject, ValueError, TypeError, KeyError) as error:
            raise _damaged(key, error) from error


def read_whole(lake: Lake, key: str, digest: str) -> bytes:
    """Read a small object that a validation wrote.

    Raises:
        DamagedObject: the object is absent, or its bytes are not those that were written.
    """
    try:
        data = lake.get(key).data
    except DamagedObject as error:
        raise _damaged(key, error) from error
    if sha256(data) != digest:
        raise _damaged(key, "its digest differs")
    return data


def _damaged(key: str, why: object) -> DamagedObject:
    return DamagedObject(
        f"'{key}' has changed since its validation ({why}): clear the validate task, which writes it again"
    )


def read_ahead(
    items: Iterable[_Item], read: Callable[[_Item], _Result], *, width: int = 4
) -> Iterator[tuple[_Item, _Result]]:
    """Call `read` for each item in threads, and yield the results in the order of the items.

    Args:
        items: arguments of `read`.
        read: called in a thread for each item.
        width: number of threads; twice as many items are read ahead.
    """
    with ThreadPoolExecutor(width, thread_name_prefix="read-ahead") as pool:
        source = iter(items)
        pending: list[tuple[_Item, Future[_Result]]] = [
            (item, pool.submit(read, item)) for item in islice(source, width * 2)
        ]
        try:
            while pending:
                item, future = pending.pop(0)
                yield item, future.result()
                pending.extend((item, pool.submit(read, item)) for item in islice(source, 1))
        finally:
            for _, future in pending:
                future.cancel()
