"""The state of a stack, stored in files: ports, secrets and options."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.files import write_atomically
from spotify_stack.object_store import GRPC_OFFSET, PARTS, has_foreign_socket
from spotify_stack.paths import StackPaths
from spotify_stack.ports import PortReservation

# every process of a stack has this variable with the folder of the stack, by which it is found
STACK_VARIABLE = "SPOTIFY_PIPELINE_STACK"
SERVICE_VARIABLE = "SPOTIFY_PIPELINE_SERVICE"
OWN_APP = "own_spotify_api"
OWN_USER = "own_spotify_user"
OWN_KEY = "own_spotify_account_key"
APP_CLASSES = ("development", "extended")
SEAWEEDFS, MINIO = STORES = ("seaweedfs", "minio")

PREFERRED_PORTS = {
    "airflow": 8080,
    "warehouse": 5433,
    "metadata": 5434,
    "sandbox": 8765,
    "broker": 6379,
    "supervisor": 9001,
    **{f"s3-{part}": port for part, port in PARTS.items()},
}
PORT_OFFSETS = {f"s3-{part}": (0, GRPC_OFFSET) for part in PARTS}
# name -> bytes of randomness
SECRETS = {
    "warehouse_superuser": 24,
    "warehouse_owner": 24,
    "warehouse_ingest": 24,
    "warehouse_dbt": 24,
    "warehouse_reader": 24,
    "metadata_superuser": 24,
    "metadata_airflow": 24,
    "s3_access_key": 12,
    "s3_secret_key": 24,
    "spotify_client_id": 16,
    "spotify_client_secret": 24,
    "spotify_refresh_token": 48,
    "spotify_account_key": 32,
    "airflow_jwt": 48,
    "airflow_api": 32,
    "airflow_fernet": 32,
    "supervisor": 24,
    "broker": 24,
}


@dataclass(frozen=True)
class SandboxOptions:
    """Options of the sandbox.

    Attributes:
        mode: Class of app.
        catalog: Catalogue folder; None for the seeded catalogue.
        clock: Moment of its clock in ISO 8601; None for now.
    """

    mode: str = "development"
    catalog: str | None = None
    clock: str | None = None

    def __post_init__(self) -> None:
        if self.mode not in APP_CLASSES:
            raise ConfigurationError(f"mode '{self.mode}' is unknown: choose {' or '.join(APP_CLASSES)}")


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


@dataclass(frozen=True)
class StackState:
    """State of a stack, from which its services are built."""

    paths: StackPaths
    ports: Mapping[str, int]
    secrets: Mapping[str, str] = field(repr=False)
    sandbox: SandboxOptions = field(default_factory=SandboxOptions)
    store: str = SEAWEEDFS
    # date on which the stack was created, and the sandbox's user logged in
    made_on: str = field(default_factory=_today)
    # number of the sandbox's user who is logged in; another one after an erasure
    listener: int = 1
    # number of Celery workers; 0: the LocalExecutor runs the tasks
    workers: int = 0

    def __post_init__(self) -> None:
        if self.store not in STORES:
            raise ConfigurationError(f"store '{self.store}' is unknown: choose {' or '.join(STORES)}")

    @property
    def airflow_url(self) -> str:
        """Address of Airflow's UI and REST API."""
        return f"http://127.0.0.1:{self.ports['airflow']}"

    @property
    def sandbox_url(self) -> str:
        """Address of the sandbox."""
        return f"http://127.0.0.1:{self.ports['sandbox']}"

    @property
    def own_app(self) -> str | None:
        """The user's own connection `spotify_api`, as Airflow reads it; None with the sandbox."""
        return self.secrets.get(OWN_APP) or None

    @property
    def own_user(self) -> str | None:
        """Connection `spotify_user` that belongs to `own_app`, as Airflow reads it."""
        return self.secrets.get(OWN_USER) or None

    @property
    def own_key(self) -> str | None:
        """Connection `spotify_account_key` that the user gave, as Airflow reads it."""
        return self.secrets.get(OWN_KEY) or None

    @property
    def user_token(self) -> str | None:
        """Refresh token of the sandbox's user; None with a catalogue folder, or an app of the user's own."""
        if self.own_app or self.sandbox.catalog:
            return None
        return self.secrets.get("spotify_refresh_token")

    @property
    def sandbox_user(self) -> str:
        """Id of the sandbox's user whose refresh token is `user_token`."""
        return f"listener{self.listener}"

    def changed(
        self,
        *,
        sandbox: SandboxOptions | None,
        own_app: str | None,
        own_user: str | None = None,
        own_key: str | None = None,
        store: str | None = None,
        workers: int | None = None,
    ) -> StackState:
        """Return the state with other options; None leaves an option unchanged.

        The objects of one store do not move to the other: each has its own folder.

        Args:
            sandbox: Options of the sandbox.
            own_app: Connection `spotify_api` of the user; "" for the sandbox.
            own_user: Connection `spotify_user` that belongs to `own_app`.
            own_key: Connection `spotify_account_key` that `own_user` was made with.
            store: Object store.
            workers: Number of Celery workers; 0 for the LocalExecutor.
        """
        kept = dict(self.secrets)
        if own_app is not None:
            kept[OWN_APP] = own_app
        if own_user is not None:
            kept[OWN_USER] = own_user
        if own_key is not None:
            kept[OWN_KEY] = own_key
        return replace(
            self,
            sandbox=sandbox or self.sandbox,
            secrets=kept,
            store=store or self.store,
            workers=self.workers if workers is None else workers,
        )

    def save(self) -> None:
        """Write the files of the stack."""
        public = {
            "ports": dict(self.ports),
            "sandbox": asdict(self.sandbox),
            "store": self.store,
            "made_on": self.made_on,
            "listener": self.listener,
            "workers": self.workers,
        }
        write_atomically(self.paths.state, json.dumps(public, indent=2) + "\n")
        write_atomically(self.paths.secrets, json.dumps(dict(self.secrets), indent=2) + "\n", mode=0o600)


def load(paths: StackPaths) -> StackState:
    """Read the state of a stack.

    Raises:
        ConfigurationError: there is none, or its files cannot be read.
    """
    state, kept = _read(paths.state), _read(paths.secrets)
    if state is None or kept is None:
        raise ConfigurationError(f"there is no stack in {paths.root}: start one with 'make up'")
    return _saved(paths, state["ports"], kept, state)


def create_or_load(paths: StackPaths, reservation: PortReservation) -> StackState:
    """Read the state of a stack that does not run, or create it. Ports in use are replaced by free ones.

    Raises:
        ConfigurationError: no free port, or a file of the stack cannot be read.
    """
    shutil.rmtree(paths.temporary, ignore_errors=True)
    for folder in (
        paths.root,
        paths.logs,
        paths.reports,
        paths.lineage,
        paths.airflow_home,
        paths.temporary,
    ):
        folder.mkdir(parents=True, exist_ok=True)
    # logs, pages and the data of a user's account are in it; also when an earlier release created it
    paths.root.chmod(0o700)
    kept = _read(paths.secrets) or {}
    kept |= {name: _new_secret(name, size) for name, size in SECRETS.items() if name not in kept}
    before = _read(paths.state) or {}
    wanted = PREFERRED_PORTS | {
        name: port for name, port in before.get("ports", {}).items() if name in PREFERRED_PORTS
    }
    ports = {}
    for name, port in wanted.items():
        offsets = PORT_OFFSETS.get(name, (0,))
        usable = partial(_usable, name)
        chosen = reservation.choose_or_none(port, offsets=offsets) if usable(port) else None
        ports[name] = chosen or reservation.choose(PREFERRED_PORTS[name], offsets=offsets, usable=usable)
    state = _saved(paths, ports, kept, before)
    state.save()
    return state


def _saved(
    paths: StackPaths, ports: Mapping[str, int], kept: Mapping[str, str], saved: Mapping[str, Any]
) -> StackState:
    """Return the state that `save` wrote; what an earlier release did not write gets its default."""
    return StackState(
        paths,
        ports,
        kept,
        SandboxOptions(**saved.get("sandbox", {})),
        store=saved.get("store", SEAWEEDFS),
        made_on=saved.get("made_on") or _today(),
        listener=saved.get("listener", 1),
        workers=saved.get("workers", 0),
    )


def _usable(name: str, port: int) -> bool:
    part = name.removeprefix("s3-")
    return part not in PARTS or not has_foreign_socket(part, port)


def _new_secret(name: str, size: int) -> str:
    if name == "airflow_fernet":  # the form that cryptography.fernet requires
        return base64.urlsafe_b64encode(os.urandom(size)).decode()
    return secrets.token_hex(size)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        raise ConfigurationError(f"{path} cannot be read: remove it and start again") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} cannot be read: remove it and start again")
    return content
