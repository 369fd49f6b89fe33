"""The listening histories of the users who are logged in, every hour."""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task

from spotify_pipeline.orchestration.alerts.callbacks import alert_arguments
from spotify_pipeline.orchestration.defaults import START_DATE, default_args
from spotify_pipeline.settings import Settings, Stage

DOC = """
### What it does
Fetches the last plays of each listener (connection `spotify_user`, and `spotify_user_NAME` of each `user` in
`sources.yml`), keeps the responses, and upserts the plays into `staging.plays`. Spotify keeps about 50 plays,
so a reading once a day would miss some. Emits no asset: the daily DAGs bring the plays to the marts.

### Without a login
The run is skipped. `spotify-pipeline auth login` makes the login for connection `spotify_user`; with
`--user NAME` it makes that of a listener. If a listener has no login, or a login fails, the others are read.

### Running it again
You can run it again at any time: overlapping, late and repeated runs lose and duplicate nothing.

### A warning about lost plays
If all plays of a response are newer than the last known play, plays in between may be lost. The span is in
`ops.play_gap`, and one alert is sent.

### When it is red
The log says what to repair. The next hour reads the newest 50 plays again, so clearing is rarely needed.
"""
FETCH, LOAD = Settings.placement(Stage.FETCH), Settings.placement(Stage.LOAD)


@dag(
    dag_id="spotify_listening",
    description="Loads the recently played tracks of each listener, every hour",
    schedule="5 * * * *",
    start_date=START_DATE,
    catchup=False,
    max_active_runs=1,
    default_args=default_args(),
    **alert_arguments("spotify_listening"),
    doc_md=DOC,
    tags=["spotify", "listening"],
)
def spotify_listening() -> None:
    """Wire the tasks, which are in spotify_pipeline.orchestration.tasks.listening."""

    @task(**FETCH)
    def fetch() -> dict[str, Any]:
        """Store the last plays of each listener in the raw zone; skip if none is logged in."""
        from spotify_pipeline.orchestration.tasks import listening

        return listening.fetch()

    @task(**LOAD)
    def validate(readings: dict[str, Any]) -> dict[str, Any]:
        """Check plays against the contract; write valid and quarantined plays."""
        from spotify_pipeline.orchestration.tasks import listening

        return listening.validate(readings)

    @task(**LOAD)
    def load(readings: dict[str, Any]) -> list[dict[str, Any]]:
        """Load plays into staging, and advance the cursors."""
        from spotify_pipeline.orchestration.tasks import listening

        return listening.load(readings)

    load(validate(fetch()))


spotify_listening()
