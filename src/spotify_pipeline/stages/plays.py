"""Records the last known play of a user, and whether plays may be lost.

Both come from the raw response and the manifest, so that a later load gives the same result.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import psycopg

from spotify_pipeline.errors import ReconciliationError
from spotify_pipeline.lake import Manifest
from spotify_pipeline.spotify.result import unix_ms
from spotify_pipeline.spotify.walks import PLAYS_KEPT
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.warehouse import plays as rows

log = logging.getLogger(__name__)

LISTENING = "_listening"


@dataclass(frozen=True)
class Gap:
    """Two times between which plays may be lost."""

    start: datetime
    end: datetime


def is_listening(source: str) -> bool:
    """Return whether a source is a reading of spotify_listening, which is named after its hour."""
    return source.partition("-")[0] == LISTENING


def check_reading(partition: date, state: SourceState) -> SourceState:
    """Check that the counts of a reading of the listening history add up, and return the state.

    Readings have no row in ops.reconciliation; the state of another source is returned unchecked.

    Raises:
        ReconciliationError: they do not.
    """
    if is_listening(state.source) and not all(counts.adds_up for counts in state.counts.values()):
        raise ReconciliationError(
            f"the counts of '{state.source}' on {partition} do not add up: nothing may be lost, so clear its "
            "validate task"
        )
    return state


def possible_gap(known_ms: int | None, played_at: Sequence[datetime]) -> Gap | None:
    """Return the gap between the last known play and the oldest play of a response, if there is one.

    Args:
        known_ms: The newest play known before, in unix milliseconds; None before the first reading.
        played_at: Start of each play of the response.
    """
    if known_ms is None or not played_at:
        return None
    oldest = min(played_at)
    return Gap(rows.moment_of(known_ms), oldest) if unix_ms(oldest) > known_ms else None


def note_plays(conn: psycopg.Connection, manifest: Manifest, played_at: Sequence[datetime]) -> None:
    """Advance the user's cursor and record a possible gap, in the transaction that loads the plays."""
    if manifest.user is None or not manifest.objects:
        return
    read_at = max(raw.observed_at for raw in manifest.objects)
    # a device whose clock is wrong can report a play in the future; it must not hide later gaps
    past = [moment for moment in played_at if moment <= read_at]
    gap = possible_gap(manifest.known_play_ms, past)
    if gap is not None and rows.record_gap(conn, manifest.user, gap.start, gap.end, read_at):
        log.warning(
            "plays may be lost: Spotify keeps %d plays, and all of them are newer than the last known one; "
            "ops.play_gap has the span; run spotify_listening more often",
            PLAYS_KEPT,
        )
    if past:
        rows.advance_cursor(conn, manifest.user, unix_ms(max(past)), read_at)
