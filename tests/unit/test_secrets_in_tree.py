"""Tests that no file of the project contains a credential."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# credentials that can be recognised by their format
PATTERNS = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})\b"),
    "PyPI token": re.compile(r"\bpypi-AgEI[A-Za-z0-9_-]{50,}"),
    "Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    "JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    "Spotify token": re.compile(r"\bB[QC][A-Za-z0-9_-]{80,}"),
}
# `password: …`, `client_secret = "…"`, `"token": "…"`
ASSIGNED = re.compile(
    r"""(?i)\b(?:[a-z_-]*(?:password|passwd|secret|token|api_?key|access_?key))["']?\s*[:=]\s*["']?([^\s"',;}{()]{8,})"""
)
RANDOM = re.compile(r"[A-Za-z0-9+/_=-]{20,}")
# bits per character: words and identifiers have less, random base64 of this length has more
ENTROPY = 3.9
OWN_CODE = {".py", ".sh", ".sql", ".yml", ".yaml", ".toml", ".md", ".txt", ".json", ".cfg", ""}


def tracked() -> list[Path]:
    """Return the files of the project: those of git, or all without git (an unpacked release)."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = b""
    if shutil.which("git"):
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False).stdout  # noqa: S603
    named = [ROOT / name for name in listed.decode().split("\0") if name]
    left_out = {".git", ".venv", "build", "target"}
    everything = (path for path in ROOT.rglob("*") if not left_out & set(path.relative_to(ROOT).parts))
    return [path for path in named or everything if path.is_file()]


def entropy(text: str) -> float:
    """Return Shannon's entropy in bits per character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def findings(text: str) -> list[str]:
    """Return what looks like a credential in a text."""
    found = [kind for kind, pattern in PATTERNS.items() if pattern.search(text)]
    for value in ASSIGNED.findall(text):
        if RANDOM.fullmatch(value) and entropy(value) > ENTROPY and not value.islower():
            found.append(f"random value {value[:4]}…")
        elif re.fullmatch(r"[0-9a-f]{32,}", value):
            found.append(f"hexadecimal value {value[:4]}…")
    return found


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN " + "RSA PRIVATE KEY-----",
        "key = AKIA" + "ABCDEFGHIJKLMNOP",
        "ghp_" + "a1B2" * 9,
        "Authorization: Bearer BQ" + "dE5x" * 25,
        "client_secret = '" + "0123456789abcdef" * 2 + "'",
        'password: "' + "q8Zr+T1vLx0Wm/3bKd7Yp2Hs" + '"',
    ],
)
def test_the_scan_finds_credentials(text: str) -> None:
    assert findings(text)


@pytest.mark.parametrize(
    "text",
    [
        "password: local-owner-password",
        'AIRFLOW_CONN_SPOTIFY_API={"password": "YOUR_CLIENT_SECRET"}',
        "POSTGRES_PASSWORD: ${WAREHOUSE_PASSWORD}",
        "token = response.json()['access_token']",
        "secret_key=state.secrets['s3_secret_key']",
    ],
)
def test_the_scan_ignores_words_and_names(text: str) -> None:
    assert findings(text) == []


def test_no_file_of_the_project_contains_a_credential() -> None:
    files = [path for path in tracked() if path.suffix in OWN_CODE and path != Path(__file__)]
    assert len(files) > 100
    found = {
        path.relative_to(ROOT).as_posix(): seen
        for path in files
        if path.name != "requirements.lock" and (seen := findings(path.read_text(errors="replace")))
    }
    assert found == {}


def test_files_with_credentials_are_ignored() -> None:
    assert {"/.env", "/build/"} <= set((ROOT / ".gitignore").read_text().splitlines())
    assert {".env", "build", "airflow_settings.yaml"} <= set(
        (ROOT / ".dockerignore").read_text().splitlines()
    )
    assert not [path for path in tracked() if path.name in {".env", "secrets.json", "kubeconfig"}]


def test_local_passwords_are_recognisable() -> None:
    settings = (ROOT / "airflow_settings.yaml").read_text()
    for password in re.findall(r"conn_password: (\S+)", settings):
        assert password.startswith(("local-", "sandbox-")), "a real password belongs in .env"
