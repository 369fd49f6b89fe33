"""Tests which module of the client uses httpx, and which certificates it trusts."""

from __future__ import annotations

import re

import certifi
import pytest

from spotify_pipeline.settings import PROJECT_ROOT
from spotify_pipeline.spotify.transport import trusted_certificates


def test_no_other_module_of_the_client_imports_httpx() -> None:
    modules = (PROJECT_ROOT / "src/spotify_pipeline/spotify").glob("*.py")
    assert [
        path.name for path in modules if re.search(r"^(import|from) httpx", path.read_text(), re.MULTILINE)
    ] == ["transport.py"]


def test_certificates_are_read_once_for_each_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    usual = trusted_certificates(trust_env=True)
    assert trusted_certificates(trust_env=True) is usual
    assert usual.get_ca_certs()
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    assert trusted_certificates(trust_env=True) is not usual
