"""Tests the MinIO server's command line, and the error if it is not built."""

from __future__ import annotations

from pathlib import Path

import pytest

from spotify_pipeline.errors import ConfigurationError
from spotify_stack import object_store, services
from spotify_stack.paths import StackPaths
from spotify_stack.ports import PortReservation
from spotify_stack.stack import Stack, Wanted
from spotify_stack.state import create_or_load


@pytest.fixture
def no_minio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "MINIO_BUILD", tmp_path / "absent")
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin" / "minio"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setattr(object_store, "MINIO_BUILD", program)
    return program


@pytest.mark.usefixtures("no_minio")
def test_a_missing_program_fails_before_anything_changes(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path / "stack")
    with pytest.raises(ConfigurationError, match="MinIO is not built: run make minio, which needs Go"):
        Stack(paths).up(Wanted(store="minio"))
    assert not paths.root.exists()


@pytest.mark.usefixtures("no_minio")
def test_a_program_on_the_path_is_used(tmp_path: Path) -> None:
    assert object_store.find_minio() is None
    (tmp_path / "minio").touch(mode=0o755)
    assert object_store.require_minio() == tmp_path / "minio"


def test_minio_listens_on_loopback_without_update_checks(tmp_path: Path, built: Path) -> None:
    server = object_store.MinioServer(tmp_path / "data", 9000, "some-user", "some-password")
    assert server.command()[:2] == [str(built), "server"]
    assert "--address=127.0.0.1:9000" in server.command()
    # without this, it would use certificates, and therefore TLS, from the user's home
    assert f"--certs-dir={server.certificates}" in server.command()
    assert server.environment()["MINIO_UPDATE"] == server.environment()["MINIO_BROWSER"] == "off"
    assert "some-password" not in repr(server)
    assert "some-password" not in " ".join(server.command())


def test_both_stores_share_port_and_keys_but_no_data_folder(tmp_path: Path, built: Path) -> None:
    with PortReservation() as reservation:
        state = create_or_load(StackPaths(tmp_path / "stack"), reservation)
    usual = services.object_store(state)
    other = services.object_store(state.changed(sandbox=None, own_app=None, store="minio"))
    assert usual.data != other.data
    assert (usual.endpoint, usual.access_key, usual.secret_key, usual.bucket) == (
        other.endpoint,
        other.access_key,
        other.secret_key,
        other.bucket,
    )
    command = services.all_services(state.changed(sandbox=None, own_app=None, store="minio"))
    assert command[services.STORE].command[0] == str(built)
