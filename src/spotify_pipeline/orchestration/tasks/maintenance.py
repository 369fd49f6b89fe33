"""Tasks of spotify_maintenance: retention, upkeep, and removal of the tokens of erased users."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import get_current_context

from spotify_pipeline.connections import WAREHOUSE_OWNER, user_connection
from spotify_pipeline.errors import UserErased
from spotify_pipeline.lake import keys
from spotify_pipeline.maintenance.retention import apply_retention, date_of_spotify
from spotify_pipeline.maintenance.retention import upkeep as run_upkeep
from spotify_pipeline.orchestration.runtime import VariableState, running
from spotify_pipeline.spotify.login import Login
from spotify_pipeline.stages.listening import listeners
from spotify_pipeline.warehouse.erasures import refuse_login_of_erased
from spotify_pipeline.warehouse.migrate import migrate

log = logging.getLogger(__name__)


def retention() -> dict[str, Any]:
    """Remove objects and rows past their retention, counted from Spotify's date or the run's `as_of`."""
    params = get_current_context()["params"]
    with running() as runtime:
        migrate(runtime.lookup(WAREHOUSE_OWNER))
        as_of = keys.parse_partition(params["as_of"]) if params["as_of"] else date_of_spotify(runtime)
        removal = apply_retention(runtime, as_of, dry_run=params["dry_run"])
        for line in removal.kept:
            log.info("kept: %s", line)
        return {"as_of": as_of.isoformat(), "removed": dict(removal.removed), "kept": removal.kept}


def upkeep() -> None:
    """Vacuum and analyze the warehouse's tables, unless the run is a dry run."""
    with running() as runtime:
        if not get_current_context()["params"]["dry_run"]:
            run_upkeep(runtime)


def forget_erased_logins() -> int:
    """Remove refreshed tokens of users whose data was erased, and return the number of such users."""
    removed = 0
    with running() as runtime:
        if get_current_context()["params"]["dry_run"]:
            return 0
        for connection in map(user_connection, listeners(runtime)):
            state = VariableState(connection)
            text = state.read()
            if text is None:
                continue
            login = Login.from_json(text, "the state of the login")
            try:
                refuse_login_of_erased(runtime.ingest, login.user_hash, login.authorized_on, connection)
            except UserErased as error:
                log.warning("%s", error)
                state.remove()
                removed += 1
    return removed
