"""Results of a validation: counts by record kind, field profiles, and quarantined records."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from datetime import date, datetime
from typing import Any

import orjson

from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.contract.field_profile import FieldProfile
from spotify_pipeline.errors import DamagedObject
from spotify_pipeline.lake import Lake, keys

_COUNTS = ("fetched", "accepted", "quarantined", "set_aside")


@dataclass(frozen=True)
class ValidationSummary:
    """Results of one validation.

    Attributes:
        partition: date of the responses.
        source: name in sources.yml.
        schema_version: version of the contract.
        manifest_sha256: digest of the manifest that was validated.
        complete: whether the source was read to its end.
        counts: by record kind.
        objects: SHA-256 of each object that was written, by key; a load accepts no other bytes.
        reasons: number of violations by code.
        user: hash of the user whose account the responses are from.
        profiles: fields of the records, by request kind and record kind.
    """

    partition: date
    source: str
    schema_version: str
    manifest_sha256: str
    complete: bool
    counts: dict[str, KindCounts]
    objects: dict[str, str]
    reasons: dict[str, int] = field(default_factory=dict)
    user: str | None = None
    profiles: list[FieldProfile] = field(default_factory=list)

    @property
    def quarantined_share(self) -> float:
        """Share of quarantined records among quarantined and accepted ones; 0 if there are none."""
        quarantined = sum(c.quarantined for c in self.counts.values())
        judged = quarantined + sum(c.accepted for c in self.counts.values())
        return quarantined / judged if judged else 0.0

    def to_bytes(self) -> bytes:
        """Return JSON; equal summaries give equal bytes."""
        fields = {name.name: getattr(self, name.name) for name in dataclass_fields(self)}
        del fields["profiles"]
        fields["counts"] = {
            kind: {name: getattr(c, name) for name in _COUNTS} for kind, c in self.counts.items()
        }
        fields["shapes"] = [vars(profile) for profile in self.profiles]
        return orjson.dumps(fields, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)


def read_summary(lake: Lake, partition: date, source: str, user: str | None = None) -> ValidationSummary:
    """Read the summary of a source and partition.

    Raises:
        DamagedObject: the source was not validated, or the object cannot be read.
    """
    key = keys.summary_key(partition, source, user)
    stored = lake.find(key)
    if stored is None:
        raise DamagedObject(f"'{key}' is absent: clear the validate task, which writes it again")
    try:
        fields = orjson.loads(stored.data)
        fields["partition"] = date.fromisoformat(fields["partition"])
        fields["counts"] = {
            kind: KindCounts(
                counts["fetched"], quarantined=counts["quarantined"], set_aside=counts["set_aside"]
            )
            for kind, counts in fields["counts"].items()
        }
        fields["profiles"] = [
            FieldProfile(**profile | {"fields": Counter(profile["fields"])})
            for profile in fields.pop("shapes")
        ]
        return ValidationSummary(**fields)
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedObject(f"'{key}' cannot be read ({error}): clear the validate task") from error


@dataclass(frozen=True)
class QuarantineLine:
    """One record in the quarantine zone; its content stays in the raw object, at the pointer."""

    record_kind: str
    record_key: str
    pointer: str
    reason_code: str
    message: str
    schema_version: str
    raw_key: str
    observed_at: datetime
    violations: list[dict[str, Any]]


def parse_quarantine(data: bytes) -> list[QuarantineLine]:
    """Parse the lines of a quarantine object."""
    lines = (orjson.loads(line) for line in data.split(b"\n") if line)
    return [
        QuarantineLine(**line | {"observed_at": datetime.fromisoformat(line["observed_at"])})
        for line in lines
    ]
