"""Tests that only one module of the client uses httpx."""

from __future__ import annotations

import re

from spotify_pipeline.settings import PROJECT_ROOT


def test_no_other_module_of_the_client_imports_httpx() -> None:
    modules = (PROJECT_ROOT / "src/spotify_pipeline/spotify").glob("*.py")
    assert [
        path.name for path in modules if re.search(r"^(import|from) httpx", path.read_text(), re.MULTILINE)
    ] == ["transport.py"]
