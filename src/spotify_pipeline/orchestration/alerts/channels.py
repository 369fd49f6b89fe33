"""Alert channels over Airflow's notifiers, by the ids of connections. Imported when there is an alert."""

from __future__ import annotations

from html import escape

from spotify_pipeline.alerts.alert import Alert, headline, render
from spotify_pipeline.alerts.dispatch import Channel, FileChannel
from spotify_pipeline.settings import Settings

_SECONDS = 10
# what a notifier renders as a template is code, and what an error says may look like one: `notify` is called
# by itself, which renders nothing


class MailChannel:
    """Mails through the SMTP provider; sender, server and TLS are the connection's."""

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
    """Messages to an incoming webhook of Slack, whose address is the connection's password."""

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


def channels(settings: Settings) -> list[Channel]:
    """The channels that are set; none by default."""
    found: list[Channel] = []
    if settings.alerts_file is not None:
        found.append(FileChannel(settings.alerts_file))
    if settings.alerts_email_to:
        found.append(MailChannel(settings.alerts_email_to, settings.alerts_smtp_connection))
    if settings.alerts_slack_connection:
        found.append(SlackChannel(settings.alerts_slack_connection))
    return found
