"""What a step runs with: settings and connections, opened when first used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from spotify_pipeline import connections
from spotify_pipeline.connections import ConnectionInfo, ConnectionLookup
from spotify_pipeline.lake import Lake
from spotify_pipeline.settings import Settings
from spotify_pipeline.spotify.client import SpotifyClient
from spotify_pipeline.steps.cooldown import WarehouseCooldownGate


@dataclass(frozen=True)
class Attempt:
    """Who runs a step: for the lease and for ops.load."""

    run_id: str = "command-line"
    try_number: int = 1

    @property
    def holder(self) -> str:
        """One word for both."""
        return f"{self.run_id}#{self.try_number}"


@dataclass(frozen=True)
class Runtime:
    """Settings, connections by id, and who is running. Nothing is opened before it is used."""

    settings: Settings = field(default_factory=Settings.load)
    lookup: ConnectionLookup = connections.from_environment
    attempt: Attempt = Attempt()
    # told each secret that comes up at run time, so that logs can hide it
    hide_secret: Callable[[str], None] = lambda _secret: None

    @cached_property
    def lake(self) -> Lake:
        """The object store, checked: some servers make a bucket that is missing, or list it as empty.

        Raises:
            BucketMissing, LakeUnavailable, ConfigurationError: see `Lake`.
        """
        lake = Lake(self.lookup(connections.SPOTIFY_LAKE))
        lake.check()
        return lake

    @cached_property
    def api(self) -> ConnectionInfo:
        """Spotify's connection."""
        return self.lookup(connections.SPOTIFY_API)

    def spotify(self) -> SpotifyClient:
        """A new client for Spotify; close it, or use it as a context manager.

        It calls no bucket that any task of this account has found closed.
        """
        gate = WarehouseCooldownGate(self.ingest, account=self.api.require("login"))
        return SpotifyClient.from_connection(self.api, self.settings, gate=gate)

    @cached_property
    def ingest(self) -> ConnectionInfo:
        """The warehouse, as the role that writes staging and ops."""
        return self.lookup(connections.WAREHOUSE_INGEST)

    @cached_property
    def reader(self) -> ConnectionInfo:
        """The warehouse, as the role that reads marts."""
        return self.lookup(connections.WAREHOUSE_READER)
