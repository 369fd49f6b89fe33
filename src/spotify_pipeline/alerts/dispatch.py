"""Sends an alert once through every channel of the settings, also if warehouse or lake are down."""

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
from spotify_pipeline.lake import Lake, keys
from spotify_pipeline.warehouse.alerts import deliver_once
from spotify_pipeline.warehouse.connection import connect

log = logging.getLogger(__name__)
# a task that failed must not wait long for its alert
_LOCK_SECONDS, _STATEMENT_SECONDS = 60, 30


class Channel(Protocol):
    """A way to reach operators. `send` raises the errors of its transport."""

    @property
    def name(self) -> str:
        """Name of the channel in ops.alert."""

    def send(self, alert: Alert) -> None:
        """Deliver one alert."""


class FileChannel:
    """A file with one line of JSON per alert, created by the first one."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, alert: Alert) -> None:
        """Append the alert in one write, so that several tasks can do this at once."""
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
    """Deliver an alert once, and return the names of the channels that delivered it in this call.

    Delivered alerts are recorded in ops.alert. If the warehouse is down, an object in the lake replaces the
    row; if both are down, the alert is sent without a record. It never raises.
    """
    alert = alert.cleaned()
    delivered: list[str] = []

    def deliver(had: Iterable[str]) -> Sequence[str]:
        delivered.extend(_send(alert, [channel for channel in channels if channel.name not in set(had)]))
        return delivered

    try:
        info = warehouse()
        with connect(info, lock_timeout=_LOCK_SECONDS, statement_timeout=_STATEMENT_SECONDS) as conn:
            deliver_once(conn, alert.to_dict(), deliver)
    except Exception as error:
        log.warning("ops.alert cannot be written (%s)", _short(error))
        if not delivered and _is_first(alert, lake):
            deliver(())
    return delivered


def _send(alert: Alert, channels: Sequence[Channel]) -> list[str]:
    log.warning("alert: %s: %s", alert.title, alert.happened)
    delivered = []
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
            delivered.append(channel.name)
    return delivered


def _is_first(alert: Alert, lake: Callable[[], Lake]) -> bool:
    """Write the alert's mark to the lake; return False if another process has written it before."""
    digest = hashlib.sha256("\0".join(alert.key).encode()).hexdigest()[:32]
    key = f"{keys.ALERTS}/{alert.partition or keys.ALERTS_WITHOUT_DATE}/{digest}.json"
    raised_on = datetime.now(UTC).date().isoformat()
    mark = json.dumps({"mark": uuid.uuid4().hex, "key": alert.key, "raised_on": raised_on}).encode()
    try:
        store = lake()
        if store.put_new(key, mark, metadata={}):
            return True
        # the client repeats a put whose response was lost, and then finds its own object
        found = store.find(key)
    except Exception as error:
        log.warning("the lake cannot record the alert either (%s)", _short(error))
        return True
    return found is None or found.data == mark


def _short(error: BaseException) -> str:
    # messages of other errors can contain a secret
    return str(error) if isinstance(error, PipelineError) else type(error).__name__
