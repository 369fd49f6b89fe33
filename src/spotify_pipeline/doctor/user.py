"""Checks the operating system's user who runs the embedded stack."""

from __future__ import annotations

import os
import pwd

from spotify_pipeline.doctor.finding import Finding, Findings


def nameless_user() -> str:
    """Return the problem of a user id without a name, as Postgres refuses to start with it; else ""."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return (
            f"user id {os.geteuid()} has no name on this machine, and Postgres needs one: add a line for "
            "it to /etc/passwd, or run as a user who has one"
        )
    return ""


def check_user() -> Findings:
    """Check that the user of this process has a name."""
    yield Finding("user", nameless_user())
