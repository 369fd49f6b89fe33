"""Tests of alerts sent through Airflow's notifiers to a real SMTP server and a real HTTP server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from spotify_pipeline.alerts.alert import Alert
from spotify_pipeline.orchestration.alerts.channels import channels
from spotify_pipeline.settings import Settings
from tests.integration.alerts.receivers import HOST, MailServer, Webhook, mail_server, webhook

pytestmark = pytest.mark.integration
# text that looks like a template of Airflow, HTML and a link of Slack
HOSTILE = "{{ 7 * 7 }} <b>bold</b> & <https://elsewhere|click>"
ALERT = Alert(
    "C", "the title", HOSTILE, "the meaning", "the action", "2026-11-05", links={"Log": "http://l/1"}
)
PATH = "T0/B0/of-the-webhook"


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with mail_server() as server:
        extra = {"from_email": "pipeline@example.com", "disable_ssl": True, "disable_tls": True}
        connection = {"conn_type": "smtp", "host": HOST, "port": server.port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_MAIL_OF_TEST", json.dumps(connection))
        yield server


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with webhook() as server:
        connection = {
            "conn_type": "slackwebhook",
            "host": f"http://{HOST}:{server.port}/services",
            "password": PATH,
        }
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_OF_TEST", json.dumps(connection))
        yield server


def test_there_is_no_channel_by_default() -> None:
    assert channels(Settings()) == []


def test_a_mail_goes_to_every_address(mails: MailServer) -> None:
    settings = Settings(
        alerts_email_to="ops@example.com, second@example.com", alerts_smtp_connection="mail_of_test"
    )
    [channel] = channels(settings)
    channel.send(ALERT)
    [mail] = mails.mails
    assert mails.recipients == ["ops@example.com", "second@example.com"]
    assert mail["From"] == "pipeline@example.com"
    assert mail["Subject"] == "[error] Spotify pipeline 2026-11-05: the title"
    body = mail.get_body(("html",))
    assert body is not None
    text = body.get_content()
    assert "{{ 7 * 7 }}" in text, "text of an alert is not rendered as a template"
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    assert "What to do: the action" in text
    assert "Log: http://l/1" in text


def test_a_message_goes_to_the_webhook(slack: Webhook) -> None:
    [channel] = channels(Settings(alerts_slack_connection="slack_of_test"))
    channel.send(ALERT)
    [(path, body)] = slack.requests
    assert path == f"/services/{PATH}"
    assert "{{ 7 * 7 }}" in body["text"]
    assert "&lt;https://elsewhere|click&gt;" in body["text"], "text of an alert becomes no link"
    assert "What it means: the meaning" in body["text"]


def test_a_channel_raises_the_error_of_its_server(slack: Webhook, mails: MailServer) -> None:
    """`dispatch` catches the error and logs one line."""
    slack.status = 500
    [channel] = channels(Settings(alerts_slack_connection="slack_of_test"))
    with pytest.raises(Exception, match="500"):
        channel.send(ALERT)


def test_all_channels_can_be_used_together(mails: MailServer, slack: Webhook, tmp_path: Path) -> None:
    settings = Settings(
        alerts_file=tmp_path / "alerts.ndjson",
        alerts_email_to="ops@example.com",
        alerts_smtp_connection="mail_of_test",
        alerts_slack_connection="slack_of_test",
    )
    for channel in channels(settings):
        channel.send(ALERT)
    assert [channel.name for channel in channels(settings)] == ["file", "email", "slack"]
    assert (len(mails.mails), len(slack.requests)) == (1, 1)
    assert json.loads((tmp_path / "alerts.ndjson").read_text())["title"] == "the title"
