"""Injects each fault of a schedule, and does what an error asks an operator to do.

There are two ways to recover from a fault. Either retries alone lead to the result of an undisturbed run, or
a step stops with an error that names the way out (`WAYS_OUT`), and that way leads to the same result.
"""

from __future__ import annotations

import random
import re
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import psycopg

from spotify_pipeline.lake import keys
from spotify_pipeline.sources import load_sources
from spotify_pipeline.sources.model import SourceKind
from spotify_pipeline.stages.details import DETAILS
from tests.faults.random_proxy import ActiveToxic, Toxic
from tests.faults.random_schedule import Fault, Kind
from tests.faults.random_servers import STORE, WAREHOUSE, ProxiedEnvironment

At = Callable[[float, Callable[[], None]], None]
_TOXICS = {
    Kind.REFUSED: Toxic.REFUSED,
    Kind.RESET: Toxic.RESET,
    Kind.LOST: Toxic.LOST,
    Kind.HOLE: Toxic.HOLE,
    Kind.LATENCY: Toxic.LATENCY,
    Kind.CUT: Toxic.CUT,
}
LONG_SECONDS = 1200
# kind -> pattern of the error, and the task of the same source to clear after the fix
WAYS_OUT: dict[Kind, tuple[str, str]] = {
    Kind.RAW_LOST: (r"is missing: clear the fetch task", "fetch"),
    Kind.RAW_CORRUPT: (r"differs from its manifest: delete the object and the manifest", "fetch"),
    Kind.MANIFEST_LOST: (r"no manifest.*clear its fetch task", "fetch"),
    Kind.VALIDATED_LOST: (r"clear (its|the) validate task", "validate"),
    Kind.VALIDATED_CORRUPT: (r"clear (its|the) validate task", "validate"),
    Kind.SELECTION_CORRUPT: (r"delete it, and the ids are taken from the queue again", "fetch"),
}


@dataclass
class Injection:
    """A fault that is injected, with the objects that it damaged."""

    proxied: ProxiedEnvironment
    fault: Fault
    day: date
    call_later: At
    rng: random.Random
    threads: list[threading.Thread] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    took_effect: bool = True

    @property
    def source(self) -> str:
        """The source of the step."""
        return self.fault.step.partition(" ")[2]

    def before(self) -> bool:
        """Prepare the fault before the first attempt of its step; return False if nothing can be damaged."""
        fault, control = self.fault, self.proxied.sandbox.control
        script = _SCRIPTS.get(fault.kind)
        if script is not None:
            control.add_fault(**script(fault))
        elif fault.kind is Kind.PAGE_SHIFTED:
            self._shift_pages()
        elif fault.kind in WAYS_OUT:
            return self._damage()
        return True

    def now(self) -> None:
        """Cause the fault while the step runs; the chain itself causes faults of workers."""
        fault, proxied = self.fault, self.proxied
        if fault.kind in _TOXICS:
            proxy = proxied.proxies[fault.target]
            limited = fault.kind in {Kind.RESET, Kind.LOST, Kind.CUT}
            proxy.set_toxic(
                ActiveToxic(
                    _TOXICS[fault.kind], fault.size, fault.window / 20, fault.times if limited else None
                )
            )
            self.call_later(fault.window, proxy.clear_toxic)
        elif fault.kind is Kind.STORE_FULL:
            proxied.proxies[STORE].set_toxic(ActiveToxic(Toxic.FULL))
            self.call_later(fault.window, proxied.proxies[STORE].clear_toxic)
        elif fault.kind is Kind.POSTGRES_FULL:
            proxied.postgres.limit_files(2**13)
            self.call_later(fault.window, lambda: proxied.postgres.limit_files(-1))
        elif fault.kind in {Kind.POSTGRES_KILLED, Kind.STORE_KILLED}:
            server = proxied.server(WAREHOUSE if fault.kind is Kind.POSTGRES_KILLED else STORE)
            self.threads.append(threading.Thread(target=server.kill))
            self.threads[-1].start()
        elif fault.kind in {Kind.POSTGRES_STOPPED, Kind.STORE_STOPPED}:
            server = proxied.server(WAREHOUSE if fault.kind is Kind.POSTGRES_STOPPED else STORE)
            server.signal(signal.SIGSTOP)
            self.call_later(fault.window, lambda: server.signal(signal.SIGCONT))
        elif fault.kind is Kind.API_STOPPED:
            proxied.signal_sandbox(signal.SIGSTOP)
            self.call_later(fault.window, lambda: proxied.signal_sandbox(signal.SIGCONT))
        elif fault.kind is Kind.BACKEND_KILLED:
            self._kill_backend()
        elif fault.kind is Kind.TOKENS_EXPIRED:
            proxied.sandbox.control.expire_tokens()
        elif fault.kind is Kind.MIDNIGHT:
            proxied.environment.freeze_clock(self.day + timedelta(days=1))

    def fix(self, error: str) -> str | None:
        """Do what the error asks; return the task to clear, or None if the error is not the expected one."""
        expected, task = WAYS_OUT.get(self.fault.kind, ("", ""))
        if not task or not re.search(expected, error):
            return None
        if self.fault.kind in {Kind.RAW_CORRUPT, Kind.SELECTION_CORRUPT}:
            for key in self.damaged:
                self.proxied.environment.lake.delete(key)
        if self.fault.kind is Kind.RAW_CORRUPT:
            self.proxied.environment.lake.delete(
                keys.manifest_key(self.day, self.source, _user_of(self.damaged[0]))
            )
        return task

    def _damage(self) -> bool:
        """Delete or alter one object of the source."""
        lake, kind = self.proxied.environment.lake, self.fault.kind
        if kind is Kind.SELECTION_CORRUPT:
            self.damaged = [keys.selection_key(self.day, DETAILS)]
            lake.put(self.damaged[0], b'{"ids": ["')
            return True
        raw = kind in {Kind.RAW_LOST, Kind.RAW_CORRUPT, Kind.MANIFEST_LOST}
        zone = keys.partition_prefix(keys.RAW if raw else keys.VALIDATED, self.day)
        found = [key for key in lake.keys(zone) if keys.source_of(key) == self.source]
        if raw:
            found = [k for k in found if k.endswith(keys.MANIFEST_NAME) == (kind is Kind.MANIFEST_LOST)]
            found = [k for k in found if not k.endswith(keys.SELECTION_NAME)]
        if not found:
            return False
        key = self.rng.choice(found)
        self.damaged = [key]
        stored = lake.get(key)
        if kind in {Kind.RAW_CORRUPT, Kind.VALIDATED_CORRUPT}:
            place = self.rng.randrange(len(stored.data))
            flipped = bytes([stored.data[place] ^ (1 << self.rng.randrange(7))])
            data = stored.data[:place] + flipped + stored.data[place + 1 :]
            lake.put(key, data, metadata=stored.metadata)
        else:
            lake.delete(key)
        return True

    def _kill_backend(self) -> None:
        with suppress(psycopg.OperationalError), self.proxied.environment.administrator() as admin:
            found = [
                int(pid)
                for (pid,) in admin.execute(
                    "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'spotify-pipeline%%'"
                )
            ]
        if found:
            chosen = self.rng.choice(found)
            for process in self.proxied.postgres.processes():
                if process.pid == chosen:
                    process.kill()

    def _shift_pages(self) -> None:
        """Insert an album while the list is paged: the last entry of a page is also the first of the next."""
        environment, api = self.proxied.environment, self.proxied.connections["spotify_api"].extra["api_url"]
        band = next(
            s for s in load_sources(environment.folder / "sources.yml") if s.kind is SourceKind.ARTIST
        )
        headers = {"Authorization": f"Bearer {environment.sandbox.access_token()}"}
        url = f"{api}/artists/{band.ids[0]}/albums"
        query = {"include_groups": ",".join(band.include_groups), "limit": "10"}
        page: dict[str, Any] = httpx.get(url, params=query, headers=headers).json()
        following: dict[str, Any] = {"items": [], "next": None}
        if page["next"]:
            following = httpx.get(page["next"], headers=headers).json()
        first = page | {"next": page["next"] or f"{url}?{urlencode(query)}&offset=10"}
        items = page["items"][-1:] + following["items"]
        again = page | following | {"items": items, "offset": 10}
        path = f"^/v1/artists/{band.ids[0]}/albums"
        control = environment.sandbox.control
        control.add_fault("status", status=200, path=f"{path}.*offset=10", body=again, times=None)
        control.add_fault("status", status=200, path=path, body=first, times=None)


def _user_of(key: str) -> str | None:
    found = re.search(r"/user=([0-9a-f]{16})/", key)
    return found[1] if found else None


def _limited(seconds: int, body: object) -> Callable[[Fault], dict[str, Any]]:
    def script(fault: Fault) -> dict[str, Any]:
        times = min(fault.times, 2) if seconds < 60 else 1
        return {
            "kind": "status", "status": 429, "path": "^/v1/", "after": fault.size, "times": times,
            "headers": {"Retry-After": str(seconds)}, "body": body,
        }  # fmt: skip

    return script


def _broken(kind: str) -> Callable[[Fault], dict[str, Any]]:
    def script(fault: Fault) -> dict[str, Any]:
        common = {"kind": kind, "path": "^/v1/", "after": fault.size, "times": fault.times}
        return common | ({"status": 500 + fault.size % 4} if kind == "status" else {})

    return script


def _error(reason: dict[str, str]) -> dict[str, Any]:
    return {"error": {"status": 429, "message": "Too many requests", **reason}}


_SCRIPTS: dict[Kind, Callable[[Fault], dict[str, Any]]] = {
    Kind.SHORT_LIMIT: _limited(1, _error({})),
    Kind.PLAIN_TEXT: _limited(1, "Too many requests"),
    Kind.LONG_LIMIT: _limited(LONG_SECONDS, _error({})),
    Kind.QUOTA: _limited(LONG_SECONDS, _error({"reason": "QUOTA_EXCEEDED"})),
    Kind.SERVER_ERROR: _broken("status"),
    Kind.BODY_CUT: _broken("cut"),
    Kind.NOT_JSON: _broken("not_json"),
}
