"""An ordinary DAG: it runs after the marts were published, whatever the date."""

from __future__ import annotations

from airflow.sdk import Asset, dag, task


@dag(schedule=[Asset("spotify_marts_published")], catchup=False)
def after_publication() -> None:
    """Read the marts after each publication."""

    @task
    def read(triggering_asset_events=None) -> list[str]:  # type: ignore[no-untyped-def]
        """Work on the marts as they are now; the events name the dates that were published."""
        return [event.extra["partition"] for events in triggering_asset_events.values() for event in events]

    read()


after_publication()
