"""Fixtures shared by all tests: real servers, started once per session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Folder of recorded responses and catalogues (SPOTIFY_REFERENCE_DATA)."""
    folder = os.environ.get("SPOTIFY_REFERENCE_DATA")
    if not folder:
        pytest.skip("SPOTIFY_REFERENCE_DATA is unset: no recorded responses to compare with")
    path = Path(folder)
    assert path.is_dir(), f"SPOTIFY_REFERENCE_DATA={folder} is no folder"
    return path
