"""An alert: cause, partition and subject, and its texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from spotify_pipeline.errors import without_accounts

Severity = Literal["error", "warning"]
_LONGEST = 2_000
# user and password of a URL, and the value after a word such as password or token
_SECRETS = (
    (re.compile(r"(?<=://)[^/\s@]+@"), "***@"),
    (
        re.compile(r"(?i)\b((?:[a-z_]*(?:password|secret|token)|bearer|authorization)\b\s*[=:]\s*)\S+"),
        r"\1***",
    ),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/-]{12,}=*"), r"\1***"),
)


@dataclass(frozen=True)
class Alert:
    """An alert about a cause in a partition; alerts of equal cause, partition and subject are the same.

    Attributes:
        partition: a date; empty if the cause has none.
        subject: for example a source or a login; empty if the cause has none.
        links: addresses by their label.
    """

    cause: str
    title: str
    happened: str
    meaning: str
    action: str
    partition: str = ""
    subject: str = ""
    severity: Severity = "error"
    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """Identity of the alert; alerts with the same key are sent once."""
        return (self.partition, self.cause, self.subject)

    def cleaned(self) -> Alert:
        """Return the alert with `clean` texts."""
        return self.with_texts(clean)

    def with_texts(self, change: Callable[[str], str]) -> Alert:
        """Return the alert with each of its texts changed."""
        return replace(
            self,
            subject=change(self.subject),
            title=change(self.title),
            happened=change(self.happened),
            meaning=change(self.meaning),
            action=change(self.action),
            links={name: change(url) for name, url in self.links.items()},
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


def clean(text: str) -> str:
    """Mask secrets and hashes of users in a text, and cut it to the longest text that channels accept."""
    text = without_accounts(text)
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def headline(alert: Alert) -> str:
    """Return the alert in one line, for the subject of a mail."""
    day = f" {alert.partition}" if alert.partition else ""
    return f"[{alert.severity}] Spotify pipeline{day}: {' '.join(alert.title.split())}"


def render(alert: Alert) -> str:
    """Return the whole alert as plain text."""
    lines = [
        headline(alert),
        "",
        f"What happened: {alert.happened}",
        f"What it means: {alert.meaning}",
        f"What to do: {alert.action}",
        *(f"{name}: {url}" for name, url in alert.links.items()),
    ]
    return "\n".join(lines)
