"""Checks the free space on the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from spotify_pipeline.doctor.finding import Finding, Findings

NEEDED_GB = 2.0
# the size of one segment of Postgres' write-ahead log
FULL_BYTES = 16 * 2**20


def low_disk_space(folder: Path) -> str | None:
    """Return a warning if the disk of `folder` is nearly full, as the object store then refuses to write."""
    free = shutil.disk_usage(folder).free / 1e9
    if free >= NEEDED_GB:
        return None
    return f"only {free:.1f} GB are free on the disk of {folder}: the stack needs {NEEDED_GB:.0f} GB"


def full_disk(folder: Path) -> str:
    """Return the problem of a full disk of `folder`, or "" if there is space."""
    if shutil.disk_usage(folder).free >= FULL_BYTES:
        return ""
    return f"the disk of {folder} is full: free {NEEDED_GB:.0f} GB and start again"


def check_disk(folder: Path) -> Findings:
    """Check that the disk has space for the embedded stack."""
    yield Finding("disk", low_disk_space(folder) or "")
