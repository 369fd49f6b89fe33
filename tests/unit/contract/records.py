"""Records that satisfy the contract."""

from __future__ import annotations

from typing import Any

ID = "4uLU6hMCjMI75M1A2tKUQC"


def track(**changes: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "id": ID,
        "name": "x",
        "artists": [{"id": ID, "name": "y"}],
        "duration_ms": 1,
        "explicit": False,
        "track_number": 1,
        "disc_number": 1,
        **changes,
    }
