"""What one running sandbox holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from spotify_sandbox.calls import CallLog
from spotify_sandbox.clock import SandboxClock
from spotify_sandbox.faults import FaultScript
from spotify_sandbox.records import Catalog, CatalogSource
from spotify_sandbox.render import Mode
from spotify_sandbox.tokens import TokenService


@dataclass(slots=True)
class Sandbox:
    """Clock, catalogue, tokens, scripted faults and the log of calls of one server."""

    mode: Mode
    clock: SandboxClock
    source: CatalogSource
    tokens: TokenService
    faults: FaultScript = field(default_factory=FaultScript)
    calls: CallLog = field(default_factory=CallLog)

    def catalog(self) -> Catalog:
        """The catalogue of the sandbox's present date. Raises CatalogError when it cannot be read."""
        return self.source.on(self.clock.today())
