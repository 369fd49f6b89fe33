"""One alert: what happened, what it means, what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

Severity = Literal["error", "warning"]
_LONGEST = 2_000
# a URL's user and password, and what follows a word for a secret
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
    """One cause in one partition: those two and `subject` make it the same alert as another.

    `partition` is a date, or empty where the cause belongs to none; `subject` says what the cause is about
    and is empty where it is about everything. `links` are addresses to open, by what they show.
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
        """What there is one telling for."""
        return (self.partition, self.cause, self.subject)

    def cleaned(self) -> Alert:
        """The same without what looks like a secret, its texts cut to a length that every channel takes."""
        return self.with_texts(clean)

    def with_texts(self, change: Callable[[str], str]) -> Alert:
        """The same with each of its texts changed."""
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
        """Plain values, for JSON."""
        return asdict(self)


def clean(text: str) -> str:
    """Hide what looks like a secret and cut what is too long."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def headline(alert: Alert) -> str:
    """The alert in one line, for subjects of mails."""
    day = f" {alert.partition}" if alert.partition else ""
    return f"[{alert.severity}] Spotify pipeline{day}: {' '.join(alert.title.split())}"


def render(alert: Alert) -> str:
    """The whole alert as plain text."""
    lines = [
        headline(alert),
        "",
        f"What happened: {alert.happened}",
        f"What it means: {alert.meaning}",
        f"What to do: {alert.action}",
        *(f"{name}: {url}" for name, url in alert.links.items()),
    ]
    return "\n".join(lines)
