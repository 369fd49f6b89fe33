"""Tasks of spotify_maintenance: retention, upkeep, and the tokens of erased users."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import get_current_context

from spotify_pipeline.connections import WAREHOUSE_OWNER
from spotify_pipeline.errors import UserErased
from spotify_pipeline.lake import keys
from spotify_pipeline.maintenance.retention import apply_retention, date_of_spotify
from spotify_pipeline.maintenance.retention import upkeep as tidy
from spotify_pipeline.orchestration.runtime import VariableState, running
from spotify_pipeline.spotify.login import Login
from spotify_pipeline.warehouse.erasures import refuse_login_of_erased
from spotify_pipeline.warehouse.migrate import migrate

log = logging.getLogger(__name__)


def retention() -> dict[str, Any]:
    """Remove what is older than its retention, counted from Spotify's date or the run's `as_of`."""
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
            tidy(runtime)


def forget_erased_login() -> bool:
    """Remove refreshed tokens of a user whose data was erased; return whether there were any."""
    state = VariableState()
    with running() as runtime:
        text = state.read()
        if text is None or get_current_context()["params"]["dry_run"]:
            return False
        try:
            login = Login.from_json(text, "the state of the login")
            refuse_login_of_erased(runtime.ingest, login.user_hash, login.authorized_on)
        except UserErased as error:
            log.warning("%s", error)
            state.remove()
            return True
        return False
