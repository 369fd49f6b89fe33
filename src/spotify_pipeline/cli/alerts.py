"""`spotify-pipeline alerts`: shows the alerts in ops.alert."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from spotify_pipeline.alerts.alert import Alert, render
from spotify_pipeline.cli.connections import environment_or_stack
from spotify_pipeline.cli.output import Json, print_json
from spotify_pipeline.connections import WAREHOUSE_READER
from spotify_pipeline.warehouse.alerts import newest_alerts
from spotify_pipeline.warehouse.connection import connect


@dataclass(frozen=True, kw_only=True)
class StoredAlert(Alert):
    """A row of ops.alert: an alert, when and how often it was raised, and its channels."""

    raised_at: datetime
    last_seen_at: datetime
    times_seen: int
    delivered_to: list[str]


def alerts(
    *,
    partition: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Date whose alerts are shown."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """Show the alerts that were sent: what happened, what it means, what to do."""
    info = environment_or_stack(WAREHOUSE_READER)
    key = None if partition is None else partition.date().isoformat()
    with connect(info, autocommit=True) as conn:
        found = [StoredAlert(**row) for row in newest_alerts(conn, key, limit)]
    if as_json:
        print_json([alert.to_dict() for alert in found])
        return
    for alert in found:
        through = ", ".join(alert.delivered_to) or "no channel"
        typer.echo(
            f"{render(alert)}\n"
            f"Seen: {_minute(alert.raised_at)}"
            + (
                f", {alert.times_seen} times until {_minute(alert.last_seen_at)}"
                if alert.times_seen > 1
                else ""
            )
            + f"; sent through {through}\n"
        )
    if not found:
        typer.echo("there is no alert")


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
