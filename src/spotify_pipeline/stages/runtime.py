"""Settings and connections of a stage, opened at first use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from spotify_pipeline import connections
from spotify_pipeline.connections import ConnectionInfo, ConnectionLookup
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.lake import Lake
from spotify_pipeline.settings import Settings
from spotify_pipeline.spotify.account_ids import AccountKey
from spotify_pipeline.spotify.client import DEFAULT_API_URL, SpotifyClient, address_of
from spotify_pipeline.spotify.limits import CALLS_PER_WINDOW
from spotify_pipeline.spotify.login_store import LoginState, LoginStore
from spotify_pipeline.spotify.transport import is_on_this_machine
from spotify_pipeline.stages.users import login_store
from spotify_pipeline.warehouse.cooldown import WarehouseCooldownGate
from spotify_pipeline.warehouse.erasures import refuse_login_of_erased
from spotify_pipeline.warehouse.pacing import WarehouseBudget, WarehousePacer


@dataclass(frozen=True)
class Attempt:
    """Run and try number of a stage, for its lease and for ops.load."""

    run_id: str = "command-line"
    try_number: int = 1

    @property
    def holder(self) -> str:
        """Both in one text, as the holder of a lease."""
        return f"{self.run_id}#{self.try_number}"


def not_logged_in(name: str | None) -> str:
    """Return the message that a user is not logged in and how to change that."""
    connection = connections.user_connection(name)
    who = "no user is logged in" if name is None else f"user '{name}' is not logged in"
    return f"{who}: run '{connections.login_command(connection)}', or define connection '{connection}'"


@dataclass(frozen=True)
class Runtime:
    """Settings, connections by id, and the attempt. Nothing is opened before its first use."""

    settings: Settings = field(default_factory=Settings.load)
    lookup: ConnectionLookup = connections.from_environment
    attempt: Attempt = Attempt()
    # called with each secret that is read at run time, so that logs can mask it
    hide_secret: Callable[[str], None] = lambda _secret: None
    # by id of a user's connection: the storage of refreshed tokens; None: files
    login_state: Callable[[str], LoginState] | None = None

    @cached_property
    def lake(self) -> Lake:
        """The object store. It is checked first: some servers create a missing bucket, or list it as empty.

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
        """Return a new client that reads as the app; close it, or use it as a context manager.

        It does not call buckets that another task of the account has found closed.
        """
        return self._client(None)

    def login(self, name: str | None = None) -> LoginStore | None:
        """Return the login of a user, None if the user is not logged in.

        Args:
            name: name of the user; None for the one of connection `spotify_user`.

        Raises:
            ConfigurationError: the user's connection or the command line's file cannot be used, or was made
                with another account key.
            UserErased: the user's data was erased after this login was given.
        """
        if name not in self._logins:
            state = self.login_state(connections.user_connection(name)) if self.login_state else None
            store = login_store(self.lookup, self.settings, self.ingest, state, name)
            if store is not None:
                login = store.read()
                self.hide_secret(login.user_hash)
                self.account_key.require_same(login.key_id)
                refuse_login_of_erased(self.ingest, login.user_hash, login.authorized_on, login.connection)
            self._logins[name] = store
        return self._logins[name]

    @cached_property
    def _logins(self) -> dict[str | None, LoginStore | None]:
        return {}

    @cached_property
    def account_key(self) -> AccountKey:
        """The secret that hashes of users are made with; needed only if a user is logged in.

        Raises:
            ConfigurationError: connection `spotify_account_key` is missing, or its key is too short.
        """
        return AccountKey.from_connection(self.lookup(connections.SPOTIFY_ACCOUNT_KEY))

    def user(self, name: str | None = None) -> str | None:
        """Return the hash of a user, None if the user is not logged in."""
        login = self.login(name)
        return None if login is None else login.read().user_hash

    def spotify_user(self, name: str | None = None) -> SpotifyClient:
        """Return a new client that reads as a user; close it, or use it as a context manager.

        Raises:
            ConfigurationError: the user is not logged in.
        """
        login = self.login(name)
        if login is None:
            raise ConfigurationError(not_logged_in(name))
        return self._client(login)

    def _client(self, login: LoginStore | None) -> SpotifyClient:
        # Spotify counts calls by app, not by user
        account = self.api.require("login") if login is None else login.read().client_id
        return SpotifyClient.from_connection(
            self.api,
            self.settings,
            gate=WarehouseCooldownGate(self.ingest, account),
            pacer=self._pacer(account),
            budget=self._budget(account),
            login=login,
            hide_secret=self.hide_secret,
        )

    def _pacer(self, account: str) -> WarehousePacer | None:
        calls = self.settings.calls_per_window
        if calls is None and not is_on_this_machine(address_of(self.api, "api_url", DEFAULT_API_URL)):
            calls = CALLS_PER_WINDOW
        return WarehousePacer(self.ingest, account, calls) if calls else None

    def _budget(self, account: str) -> WarehouseBudget | None:
        limits = self.settings.call_budget
        return WarehouseBudget(self.ingest, account, self.attempt.run_id, limits) if limits else None

    @cached_property
    def ingest(self) -> ConnectionInfo:
        """Connection to the warehouse as the role that writes staging and ops."""
        return self.lookup(connections.WAREHOUSE_INGEST)

    @cached_property
    def reader(self) -> ConnectionInfo:
        """Connection to the warehouse as the role that reads marts."""
        return self.lookup(connections.WAREHOUSE_READER)
