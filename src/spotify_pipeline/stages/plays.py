"""The cursor of the listening history, and the gaps in which plays may be lost.

Both follow from the raw responses and the cursor of their request, so loading them again gives the same.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from spotify_pipeline.lake import Manifest
from spotify_pipeline.spotify.result import unix_ms
from spotify_pipeline.spotify.walks import PLAYS_KEPT
from spotify_pipeline.warehouse import plays as rows

log = logging.getLogger(__name__)

LISTENING = "_listening"
OVERLAP_MS = 3_600_000
"""How far before the cursor plays are read again: a device that was offline reports them late."""


@dataclass(frozen=True)
class Gap:
    """Plays between two moments may be lost."""

    start: datetime
    end: datetime


def is_listening(source: str) -> bool:
    """Say whether a source is one of spotify_listening's, which are named after their hour."""
    return source.partition("-")[0] == LISTENING


def possible_gap(after_ms: int | None, fetched: int, played_at: Sequence[datetime]) -> Gap | None:
    """Return the gap between the last known play and the oldest of a full read, None where there is none.

    Args:
        after_ms: cursor of the request, unix milliseconds.
        fetched: number of entries in the response.
        played_at: when each play began.
    """
    if after_ms is None or fetched < PLAYS_KEPT or not played_at:
        return None
    known, oldest = after_ms + OVERLAP_MS, min(played_at)
    return Gap(rows.moment_of(known), oldest) if unix_ms(oldest) > known else None


def note_plays(
    conn: psycopg.Connection, manifest: Manifest, fetched: int, played_at: Sequence[datetime]
) -> None:
    """Move the user's cursor forward and record a possible gap, in the transaction that loads the plays."""
    if manifest.user is None or not manifest.objects:
        return
    read_at = max(raw.observed_at for raw in manifest.objects)
    asked = manifest.objects[0].query.get("after")
    gap = possible_gap(int(asked) if asked else None, fetched, played_at)
    if gap is not None and rows.record_gap(conn, manifest.user, gap.start, gap.end, read_at):
        log.warning(
            "plays between %s and %s may be lost: Spotify keeps %d, and all of them are newer; "
            "run spotify_listening more often",
            gap.start.isoformat(),
            gap.end.isoformat(),
            PLAYS_KEPT,
        )
    if played_at:
        rows.advance_cursor(conn, manifest.user, unix_ms(max(played_at)), read_at)
