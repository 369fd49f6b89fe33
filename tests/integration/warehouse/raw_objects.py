"""Hypothesis strategies for raw objects with few records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from spotify_pipeline.contract.observations import FULL, SIMPLIFIED, Observation
from tests.integration.warehouse.warehouse_database import track

START = datetime(2026, 11, 5, 23, 50, tzinfo=UTC)
names = st.sampled_from(["a", "A", "é", "Z"])
optional = {
    "is_playable": st.booleans() | st.none(),
    "isrc": st.sampled_from(["QZ1", "QZ2", None]),
    "popularity": st.integers(0, 100) | st.none(),
}


@dataclass(frozen=True)
class RawObject:
    """One response of one source; its observations always belong to the same load."""

    source: str
    raw_key: str
    observations: tuple[Observation, ...]


@st.composite
def raw_objects(draw: st.DrawFn) -> RawObject:
    """Draw from few ids and times, so that observations collide; times lie on two dates."""
    source = draw(st.sampled_from(["one", "two"]))
    at = START + timedelta(minutes=5 * draw(st.integers(0, 4)))
    raw_key = f"raw/source={source}/{draw(st.sampled_from('aBcé'))}-{at:%H%M}.json"
    observations = []
    for _ in range(draw(st.integers(1, 3))):
        fields: dict[str, Any] = {"name": draw(names)}
        for column in draw(st.sets(st.sampled_from(sorted(optional)))):
            fields[column] = draw(optional[column])
        observations.append(
            track(
                draw(st.sampled_from(["t1", "t2"])),
                rank=draw(st.sampled_from([SIMPLIFIED, FULL])),
                at=at,
                raw_key=raw_key,
                stub=draw(st.booleans()),
                **fields,
            )
        )
    return RawObject(source, raw_key, tuple(observations))
