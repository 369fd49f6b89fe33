"""Sends alerts through the channels of the settings: a file, mail, Slack. Imported only for an alert."""

from __future__ import annotations

from html import escape

from airflow.sdk.log import redact

from spotify_pipeline.alerts.alert import Alert, headline, render
from spotify_pipeline.alerts.dispatch import Channel, FileChannel, dispatch
from spotify_pipeline.connections import SPOTIFY_LAKE, WAREHOUSE_INGEST
from spotify_pipeline.lake import Lake
from spotify_pipeline.orchestration.metrics import count_alert
from spotify_pipeline.orchestration.runtime import from_airflow
from spotify_pipeline.settings import Settings

_SECONDS = 10
# an error's text can look like a template, and a template is code: `notify` is called directly, since it
# renders nothing


class MailChannel:
    """Sends mail through the SMTP provider; sender, server and TLS come from the connection."""

    name = "email"

    def __init__(self, to: str, connection: str) -> None:
        self._to = [address.strip() for address in to.split(",") if address.strip()]
        self._connection = connection

    def send(self, alert: Alert) -> None:
        """Send one mail to all addresses."""
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier  # noqa: PLC0415

        SmtpNotifier(
            to=self._to,
            subject=headline(alert),
            html_content=f"<pre>{escape(render(alert))}</pre>",
            smtp_conn_id=self._connection,
        ).notify({})


class SlackChannel:
    """Posts to an incoming webhook of Slack, whose address is the connection's password."""

    name = "slack"

    def __init__(self, connection: str) -> None:
        self._connection = connection

    def send(self, alert: Alert) -> None:
        """Post one message."""
        from airflow.providers.slack.notifications.slack_webhook import (  # noqa: PLC0415
            SlackWebhookNotifier,
        )

        SlackWebhookNotifier(
            slack_webhook_conn_id=self._connection, text=escape(render(alert), quote=False), timeout=_SECONDS
        ).notify({})


def send(alert: Alert) -> None:
    """Count an alert and send it once, with the secrets masked that Airflow knows.

    Raises:
        ConfigurationError: a setting has a value that cannot be used.
    """
    count_alert(alert.cause, alert.severity)
    dispatch(
        alert.with_texts(lambda text: str(redact(text))),
        channels(Settings.load()),
        warehouse=lambda: from_airflow(WAREHOUSE_INGEST),
        lake=lambda: Lake(from_airflow(SPOTIFY_LAKE)),
    )


def channels(settings: Settings) -> list[Channel]:
    """Return the channels that the settings name; none by default."""
    found: list[Channel] = []
    if settings.alerts_file is not None:
        found.append(FileChannel(settings.alerts_file))
    if settings.alerts_email_to:
        found.append(MailChannel(settings.alerts_email_to, settings.alerts_smtp_connection))
    if settings.alerts_slack_connection:
        found.append(SlackChannel(settings.alerts_slack_connection))
    return found
