"""Free space on the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from spotify_pipeline.doctor.finding import Finding, Findings

NEEDED_GB = 2.0


def low_disk_space(folder: Path, *, needed_gb: float = NEEDED_GB) -> str | None:
    """Return a warning when the disk of `folder` is nearly full: the object store would refuse to write."""
    free = shutil.disk_usage(folder).free / 1e9
    if free >= needed_gb:
        return None
    return f"only {free:.1f} GB are free on the disk of {folder}: the stack needs {needed_gb:.0f} GB"


def check_disk(folder: Path) -> Findings:
    """Check that the disk has space for the embedded stack."""
    yield Finding("disk", low_disk_space(folder) or "")
