"""The listening histories of the users who are logged in, every hour."""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task

from spotify_pipeline.orchestration.alerts.callbacks import watched
from spotify_pipeline.orchestration.defaults import START_DATE, default_args
from spotify_pipeline.settings import Settings, Stage

DOC = """
### What it does
Fetches the last plays of each listener (connection `spotify_user`, and `spotify_user_NAME` of each `user` in
`sources.yml`), keeps the responses, and upserts the plays into `staging.plays`. Spotify keeps about 50 plays,
so a day is too long to wait. Emits no asset: the daily chain carries the plays to the marts.

### Without a login
The run is skipped. `spotify-pipeline auth login` gives the connection `spotify_user`, and with `--user NAME`
that of a listener. One listener without a login, or with one that fails, does not stop the others.

### Running it again
Any time: overlapping, late and repeated runs lose and duplicate nothing.

### A warning about lost plays
A full response whose oldest play is newer than the last known one: plays in between may be lost. The span is
in `ops.play_gap`, and the alert is sent once.

### When it is red
The log says what to repair; the next hour continues from the last known play, so clearing is rarely needed.
"""
FETCH, LOAD = Settings.placement(Stage.FETCH), Settings.placement(Stage.LOAD)


@dag(
    dag_id="spotify_listening",
    description="Recently played, every hour → staging.plays",
    schedule="5 * * * *",
    start_date=START_DATE,
    catchup=False,
    max_active_runs=1,
    default_args=default_args(),
    **watched("spotify_listening"),
    doc_md=DOC,
    tags=["spotify", "listening"],
)
def spotify_listening() -> None:
    """Wire the tasks, which are in spotify_pipeline.orchestration.tasks.listening."""

    @task(**FETCH)
    def fetch() -> dict[str, Any]:
        """The last plays of each listener → raw zone; skips without a login."""
        from spotify_pipeline.orchestration.tasks import listening

        return listening.fetch()

    @task(**LOAD)
    def validate(readings: dict[str, Any]) -> dict[str, Any]:
        """Raw → validated plays, and quarantine with reasons."""
        from spotify_pipeline.orchestration.tasks import listening

        return listening.validate(readings)

    @task(**LOAD)
    def load(readings: dict[str, Any]) -> list[dict[str, Any]]:
        """Plays → staging, the cursors with them."""
        from spotify_pipeline.orchestration.tasks import listening

        return listening.load(readings)

    load(validate(fetch()))


spotify_listening()
