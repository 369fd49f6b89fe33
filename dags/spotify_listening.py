"""The listening history of the user who is logged in, every hour."""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task

from spotify_pipeline.orchestration.alerts.callbacks import watched
from spotify_pipeline.orchestration.defaults import START_DATE, default_args

DOC = """
### What it does
Fetches the plays since the last known one, keeps the response unchanged, and upserts the plays into
`staging.plays`. Spotify keeps about 50 plays, so a day is too long to wait. Emits no asset: the daily chain
carries the plays to the marts.

### Without a login
The run is skipped. `spotify-pipeline auth login` gives the connection `spotify_user`.

### Running it again
Any time: overlapping, late and repeated runs lose and duplicate nothing.

### A warning about lost plays
A full response whose oldest play is newer than the last known one: plays in between may be lost. The span is
in `ops.play_gap`, and the alert is sent once.

### When it is red
The log says what to repair; the next hour continues from the last known play, so clearing is rarely needed.
"""


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

    @task
    def fetch() -> dict[str, str]:
        """Plays since the cursor → raw zone; skips without a login."""
        from spotify_pipeline.orchestration.tasks import listening

        return listening.fetch()

    @task
    def validate(reading: dict[str, str]) -> dict[str, str]:
        """Raw → validated plays, and quarantine with reasons."""
        from spotify_pipeline.orchestration.tasks import listening

        return listening.validate(reading)

    @task
    def load(reading: dict[str, str]) -> dict[str, Any]:
        """Plays → staging, the cursor with them."""
        from spotify_pipeline.orchestration.tasks import listening

        return listening.load(reading)

    load(validate(fetch()))


spotify_listening()
