"""A login's tokens between tasks: an Airflow Variable, encrypted in its database like a password."""

from __future__ import annotations

from airflow.sdk import Variable

KEY = "spotify_user_token"
"""Airflow hides the values of variables whose name holds `token`."""


class VariableState:
    """The text of one Variable."""

    def read(self) -> str | None:
        """The text last written, None before the first."""
        value = Variable.get(KEY, default=None)
        return None if value is None else str(value)

    def write(self, text: str) -> None:
        """Replace it."""
        Variable.set(KEY, text, description="Written by the pipeline: successors of connection spotify_user")

    def remove(self) -> None:
        """Forget it."""
        Variable.delete(KEY)
