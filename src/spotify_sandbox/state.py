"""What one running sandbox holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from spotify_sandbox.calls import CallLog
from spotify_sandbox.clock import SandboxClock
from spotify_sandbox.consent import Consent
from spotify_sandbox.faults import FaultScript
from spotify_sandbox.library import Library
from spotify_sandbox.limits import Limiter
from spotify_sandbox.playback import Playback
from spotify_sandbox.playlists import Playlists
from spotify_sandbox.records import Catalog, CatalogSource
from spotify_sandbox.render import Mode
from spotify_sandbox.tokens import TokenService
from spotify_sandbox.users import Users


@dataclass(slots=True)
class Sandbox:
    """Clock, catalogue, users, tokens, limits, scripted faults and the log of calls of one server.

    seed: what users and their libraries are drawn by; user_count: how many users there are.
    """

    mode: Mode
    clock: SandboxClock
    source: CatalogSource
    tokens: TokenService
    limits: Limiter
    seed: int = 1
    user_count: int = 3
    playback: Playback | None = None
    faults: FaultScript = field(default_factory=FaultScript)
    calls: CallLog = field(default_factory=CallLog)
    users: Users = field(init=False)
    library: Library = field(init=False)
    playlists: Playlists = field(init=False)
    consent: Consent = field(init=False)

    def __post_init__(self) -> None:
        self.users = Users(self.seed, self.user_count)
        self.library = Library(self.source, self.seed)
        self.playlists = Playlists(self.users, self.library, self.seed)
        self.consent = Consent(self.tokens.client_id, self.users, self.tokens.authorizations)

    def catalog(self) -> Catalog:
        """The catalogue of the sandbox's present date. Raises CatalogError when it cannot be read."""
        return self.source.on(self.clock.today())
