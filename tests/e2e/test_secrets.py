"""Tests promise 9 on everything that a run writes: it contains no secret of the stack.

It searches the same stack as tests/e2e/test_chain.py, after runs have ended, some of them failed.
"""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from spotify_sandbox.accounts.authorizations import REFRESH_TOKEN_PREFIX
from spotify_sandbox.accounts.tokens import ACCESS_TOKEN_PREFIX
from spotify_stack import processes, services
from spotify_stack.state import SECRETS

from .conftest import FIRST_DAY, REPORT, TRANSFORM, Running
from .search import SECRET_FILES, files, found_in, objects, open_database, rows

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

# they identify an account and give no access
IDENTIFIERS = {"spotify_client_id", "s3_access_key"}


@pytest.fixture(scope="module")
def needles(running: Running) -> dict[str, bytes]:
    """Return the bytes to search for: each secret as it is, in a URL, and in a Basic header."""
    known = running.state.secrets
    found = {name: known[name] for name in SECRETS if name not in IDENTIFIERS}
    pairs = {
        "Spotify's Basic authentication": (known["spotify_client_id"], known["spotify_client_secret"]),
    }
    found |= {name: base64.b64encode(":".join(pair).encode()).decode() for name, pair in pairs.items()}
    found |= {f"{name}, quoted": quote(value, safe="") for name, value in found.items()}
    # every token of the sandbox begins with one of these
    found |= {"an access token": ACCESS_TOKEN_PREFIX, "a refresh token": REFRESH_TOKEN_PREFIX}
    return {name: value.encode() for name, value in found.items()}


@pytest.fixture(scope="module", autouse=True)
def finished_runs(running: Running) -> None:
    """Run a whole chain unless tests/e2e/test_chain.py has, which also has failed runs with tracebacks."""
    if not running.api.runs(REPORT, FIRST_DAY.isoformat()):
        running.chain(FIRST_DAY)


def test_no_file_of_the_stack_contains_a_secret(running: Running, needles: dict[str, bytes]) -> None:
    searched = list(files(running))
    task_logs = [path for path in searched if f"dag_id={TRANSFORM}" in str(path)]
    assert len(task_logs) > 100, "the logs of tasks are not in the files that this test searches"
    assert {path: found for path in searched if (found := found_in(path.read_bytes(), needles))} == {}


def test_only_the_owner_can_read_files_with_secrets(running: Running) -> None:
    kept = [path for path in running.state.paths.root.rglob("*") if path.name in SECRET_FILES]
    assert {path.name for path in kept} == SECRET_FILES
    assert {oct(path.stat().st_mode & 0o077) for path in kept} == {oct(0)}


@pytest.mark.parametrize("server", [services.METADATA, services.WAREHOUSE])
def test_no_row_of_a_database_holds_a_secret(
    running: Running, needles: dict[str, bytes], server: str
) -> None:
    """XComs, rendered templates, serialised DAGs, audit logs; staging, ops and marts."""
    seen: set[str] = set()
    with open_database(running, server) as connection:
        for table, line in rows(connection):
            seen.add(table)
            assert found_in(line, needles) == [], table
    wanted = (
        {"public.xcom", "public.rendered_task_instance_fields"}
        if server == services.METADATA
        else {"staging.tracks", "ops.dbt_result"}
    )
    assert wanted <= seen


def test_no_object_holds_a_secret(running: Running, needles: dict[str, bytes]) -> None:
    searched = dict(objects(running))
    assert any(key.startswith("raw/") for key in searched)
    assert {key: found for key, data in searched.items() if (found := found_in(data, needles))} == {}


def test_no_command_line_shows_a_secret(running: Running, needles: dict[str, bytes]) -> None:
    """Every account of a machine can read the command lines of all processes."""
    lines = {}
    for process in processes.of_stack(running.state.paths):
        try:
            lines[process.pid] = "\0".join(process.cmdline()).encode()
        except processes.psutil.NoSuchProcess:
            continue
    assert len(lines) >= len(services.ALL)
    assert {line: found for line in lines.values() if (found := found_in(line, needles))} == {}
