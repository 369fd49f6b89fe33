"""Tell an alert once, through every channel that is set, whatever else is down."""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from spotify_pipeline.alerts.alert import Alert
from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import PipelineError
from spotify_pipeline.lake import Lake
from spotify_pipeline.warehouse.alerts import tell_once
from spotify_pipeline.warehouse.connection import connect, naming_the_server

log = logging.getLogger(__name__)
# a task that has failed already must not hang on its alert
_LOCK_SECONDS, _STATEMENT_SECONDS = 60, 30


class Channel(Protocol):
    """A way to reach somebody. `send` raises whatever its transport raises."""

    @property
    def name(self) -> str:
        """What ops.alert calls it."""

    def send(self, alert: Alert) -> None:
        """Deliver one alert."""


class FileChannel:
    """A file that gets one line of JSON per alert; made when the first one comes."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, alert: Alert) -> None:
        """Append the alert; a line is written whole, so that several tasks may do this at once."""
        line = {"raised_at": datetime.now(UTC).isoformat(timespec="seconds"), **alert.to_dict()}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab", buffering=0) as file:
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


def dispatch(
    alert: Alert,
    channels: Sequence[Channel],
    *,
    warehouse: Callable[[], ConnectionInfo],
    lake: Callable[[], Lake],
) -> list[str]:
    """Deliver an alert unless it was before; give the names of the channels that have it now. Never raises.

    What was told is kept in ops.alert. Where the warehouse is the trouble, an object in the lake stands for
    the row; where both are, the alert goes out without a memory.
    """
    alert = alert.cleaned()
    told: list[str] = []

    def tell(had: Iterable[str]) -> Sequence[str]:
        told.extend(_send(alert, [channel for channel in channels if channel.name not in set(had)]))
        return told

    try:
        info = warehouse()
        with (
            naming_the_server(info),
            connect(info, lock_timeout=_LOCK_SECONDS, statement_timeout=_STATEMENT_SECONDS) as conn,
        ):
            tell_once(conn, alert, tell)
    except Exception as error:
        log.warning("ops.alert cannot be written (%s)", _short(error))
        if not told and _is_first(alert, lake):
            tell(())
    return told


def _send(alert: Alert, channels: Sequence[Channel]) -> list[str]:
    log.warning("alert: %s: %s", alert.title, alert.happened)
    told = []
    for channel in channels:
        try:
            channel.send(alert)
        except Exception as error:
            log.warning(
                "alert channel %s cannot be used (%s): the alert is in this log and in ops.alert",
                channel.name,
                _short(error),
            )
        else:
            told.append(channel.name)
    return told


def _is_first(alert: Alert, lake: Callable[[], Lake]) -> bool:
    """Whether nobody else has put this alert's mark into the lake; so, too, where that cannot be asked."""
    digest = hashlib.sha256("\0".join(alert.key).encode()).hexdigest()[:32]
    key = f"alerts/{alert.partition or 'any'}/{digest}.json"
    mark = json.dumps({"mark": uuid.uuid4().hex, "key": alert.key}).encode()
    try:
        store = lake()
        if store.put_new(key, mark, metadata={}):
            return True
        # a put whose answer was lost is tried again by the client, and finds its own object
        found = store.find(key)
    except Exception as error:
        log.warning("the lake cannot remember the alert either (%s)", _short(error))
        return True
    return found is None or found.data == mark


def _short(error: BaseException) -> str:
    # only our own sentences are known to hold no secret
    return str(error) if isinstance(error, PipelineError) else type(error).__name__
