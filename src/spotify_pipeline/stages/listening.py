"""Fetches and loads the listening history every hour: recently-played → raw → staging.plays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date

from spotify_pipeline.connections import user_connection
from spotify_pipeline.errors import UserErased
from spotify_pipeline.sources import load_sources
from spotify_pipeline.sources.model import Source, SourceKind
from spotify_pipeline.spotify.endpoints import Scope
from spotify_pipeline.stages.clients import Clients
from spotify_pipeline.stages.fetch import fetch_source
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.load import load_source
from spotify_pipeline.stages.plays import LISTENING, check_reading
from spotify_pipeline.stages.runtime import Runtime, not_logged_in
from spotify_pipeline.stages.users import note_user
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.revisions import require_current


@dataclass(frozen=True)
class Reading:
    """Partition and source of the responses of one run; the source is named after hour and user."""

    partition: date
    source: str


def listeners(runtime: Runtime) -> list[str | None]:
    """Return the names of the users whose history is read: those of sources.yml, and None for `spotify_user`.

    Raises:
        SourcesFileError: sources.yml cannot be used.
    """
    sources = load_sources(runtime.settings.sources)
    return [None, *sorted({source.user for source in sources if source.user is not None})]


def reason_not_read(runtime: Runtime, name: str | None = None) -> str | None:
    """Return why a user's listening history cannot be read, None if it can.

    Raises:
        ConfigurationError: the login cannot be used.
    """
    try:
        login = runtime.login(name)
    except UserErased as error:
        return str(error)
    connection = user_connection(name)
    if login is None:
        return f"{not_logged_in(name)}: no listening history is read"
    if Scope.RECENTLY_PLAYED not in login.read().scopes:
        return f"the login of connection '{connection}' does not have the scope {Scope.RECENTLY_PLAYED}"
    return None


def fetch_plays(runtime: Runtime, name: str | None = None) -> Reading:
    """Fetch the plays that Spotify still has of a user into the raw zone.

    A second run in the same hour of the API's clock finds the stored response and makes no call.

    Raises:
        TransientError, TerminalError: see `fetch_source`.
        SchemaVersionError: the warehouse does not have this code's tables.
    """
    login = runtime.login(name)
    with connect(runtime.ingest) as conn:
        require_current(conn)
        if login is not None:
            note_user(conn, login.read())
    with Clients(runtime) as clients:
        # the app's token is always new, so its response has Spotify's time; the user's token can be shared
        now = clients.app.api_now().astimezone(UTC)
        reading = Reading(now.date(), f"{LISTENING}-{now:%H}{f'-{name}' if name else ''}")
        source = Source(reading.source, SourceKind.RECENTLY_PLAYED, user=name)
        fetch_source(runtime, clients, reading.partition, source)
    return reading


def load_plays(runtime: Runtime, reading: Reading) -> SourceState:
    """Load a validated reading; it has no row in ops.reconciliation, since it belongs to no daily source.

    Raises:
        ReconciliationError: the counts do not add up.
        PipelineError: see `load_source`.
    """
    return check_reading(reading.partition, load_source(runtime, reading.partition, reading.source))
