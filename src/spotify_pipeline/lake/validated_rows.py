"""Validated rows as NDJSON: one line for one occurrence of a record, or for the winner of its stubs."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO, TypeVar

import orjson

from spotify_pipeline.contract.rows import Groups, Row, RowKind
from spotify_pipeline.errors import DamagedObject
from spotify_pipeline.lake import Lake
from spotify_pipeline.lake.manifest import sha256

NDJSON = "application/x-ndjson"
_SPOOL_BYTES = 16 * 2**20
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class ValidatedRow:
    """A row and where it came from. `observed_at` is the API's clock."""

    kind: RowKind
    key: str
    rank: int
    observed_at: datetime
    raw_key: str
    groups: Groups
    stub: bool = False

    @classmethod
    def of(cls, row: Row, *, observed_at: datetime, raw_key: str) -> ValidatedRow:
        """A row of the contract with its origin."""
        return cls(row.kind, row.key, row.rank, observed_at, raw_key, row.groups, row.stub)

    @property
    def order(self) -> tuple[datetime, int, str]:
        """Among rows of one key, the greatest wins."""
        return (self.observed_at, self.rank, self.raw_key)

    def to_line(self) -> bytes:
        """One NDJSON line."""
        fields: dict[str, Any] = {
            "key": self.key,
            "rank": self.rank,
            "observed_at": self.observed_at,
            "raw_key": self.raw_key,
            "groups": self.groups,
        }
        if self.stub:
            fields["stub"] = True
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)

    @classmethod
    def from_line(cls, kind: RowKind, line: bytes) -> ValidatedRow:
        """Read a line back."""
        fields = orjson.loads(line)
        return cls(
            kind,
            fields["key"],
            fields["rank"],
            datetime.fromisoformat(fields["observed_at"]),
            fields["raw_key"],
            fields["groups"],
            fields.get("stub", False),
        )


class NdjsonFile:
    """Lines on their way to one object; kept in memory while small."""

    def __init__(self) -> None:
        self._file: BinaryIO = tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)  # type: ignore[assignment]  # noqa: SIM115
        self._digest = hashlib.sha256()
        self.lines = 0

    def write(self, line: bytes) -> None:
        """Add a line that ends in a line feed."""
        self._file.write(line)
        self._digest.update(line)
        self.lines += 1

    def store(self, lake: Lake, key: str) -> str | None:
        """Write the object and give its SHA-256, or remove an old one where there is no line."""
        if self.lines:
            lake.put(key, self._file, content_type=NDJSON)
        else:
            lake.delete(key)
        self._file.close()
        return self._digest.hexdigest() if self.lines else None


def read_rows(lake: Lake, kind: RowKind, key: str, digest: str) -> Iterator[ValidatedRow]:
    """Read a validated object, row by row; the last row comes before its digest is known.

    Raises:
        DamagedObject: absent, unreadable, or other bytes than were written.
    """
    try:
        for line in lake.lines(key, digest):
            yield ValidatedRow.from_line(kind, line)
    except (DamagedObject, ValueError, TypeError, KeyError) as error:
        raise _damaged(key, error) from error


def read_whole(lake: Lake, key: str, digest: str) -> bytes:
    """Read a small object that a validation wrote.

    Raises:
        DamagedObject: absent, or other bytes than were written.
    """
    try:
        data = lake.get(key).data
    except DamagedObject as error:
        raise _damaged(key, error) from error
    if sha256(data) != digest:
        raise _damaged(key, "its digest is another")
    return data


def _damaged(key: str, why: object) -> DamagedObject:
    return DamagedObject(
        f"'{key}' is not as its validation wrote it ({why}): clear the validate task, which writes it anew"
    )


def read_ahead(
    items: Iterable[_Item], read: Callable[[_Item], _Result], *, width: int = 4
) -> Iterator[tuple[_Item, _Result]]:
    """Call `read` for each item in threads, at most `width` ahead, and give results in the items' order."""
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
