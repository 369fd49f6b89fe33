"""What a validation found: counts by record kind, and the records that it refused."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

import orjson

from spotify_pipeline.errors import DamagedObject
from spotify_pipeline.lake import Lake, keys


@dataclass(slots=True)
class Counts:
    """Of one record kind: fetched = accepted + quarantined + set_aside."""

    fetched: int = 0
    accepted: int = 0
    quarantined: int = 0
    set_aside: int = 0


@dataclass(frozen=True)
class RecordShape:
    """Which fields the records of one kind had in the answers of one request kind (see `contract.shape`)."""

    request_kind: str
    record_kind: str
    records: int
    fields: dict[str, int]
    new_fields: list[str]

    @property
    def drift(self) -> str:
        """What is new, in words."""
        shown = ", ".join(f"{name} ({self.fields[name]} of {self.records})" for name in self.new_fields)
        return f"fields of {self.record_kind} that the contract does not describe: {shown}"


@dataclass(frozen=True)
class ValidationSummary:
    """What a validation found, per record kind; `reasons` count violations by code, `objects` are SHA-256."""

    partition: date
    source: str
    schema_version: str
    manifest_sha256: str
    complete: bool
    counts: dict[str, Counts]
    # what was written, by key: a load takes these bytes or none
    objects: dict[str, str]
    reasons: dict[str, int] = field(default_factory=dict)
    user: str | None = None
    shapes: list[RecordShape] = field(default_factory=list)

    @property
    def quarantined_share(self) -> float:
        """Bad records over all that could have been good; 0 when there were none."""
        quarantined = sum(c.quarantined for c in self.counts.values())
        judged = quarantined + sum(c.accepted for c in self.counts.values())
        return quarantined / judged if judged else 0.0

    def to_bytes(self) -> bytes:
        """Stable text."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)


def read_summary(lake: Lake, partition: date, source: str, user: str | None = None) -> ValidationSummary:
    """Read the counts back.

    Raises:
        DamagedObject: the source was not validated, or the object cannot be read.
    """
    key = keys.summary_key(partition, source, user)
    stored = lake.find(key)
    if stored is None:
        raise DamagedObject(f"'{key}' is absent: clear the validate task, which writes it anew")
    try:
        fields = orjson.loads(stored.data)
        fields["partition"] = date.fromisoformat(fields["partition"])
        fields["counts"] = {kind: Counts(**counts) for kind, counts in fields["counts"].items()}
        fields["shapes"] = [RecordShape(**shape) for shape in fields["shapes"]]
        return ValidationSummary(**fields)
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedObject(f"'{key}' cannot be read ({error}): clear the validate task") from error


@dataclass(frozen=True)
class QuarantinedRecord:
    """A line of the quarantine zone; the record itself is in the raw object, at the pointer."""

    record_kind: str
    record_key: str
    pointer: str
    reason_code: str
    message: str
    schema_version: str
    raw_key: str
    observed_at: datetime
    violations: list[dict[str, Any]]


def parse_quarantine(data: bytes) -> list[QuarantinedRecord]:
    """The quarantined records of a source and partition, read back."""
    lines = (orjson.loads(line) for line in data.split(b"\n") if line)
    return [
        QuarantinedRecord(**line | {"observed_at": datetime.fromisoformat(line["observed_at"])})
        for line in lines
    ]
