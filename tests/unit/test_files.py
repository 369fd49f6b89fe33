"""Tests atomic file writes and full disks."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from spotify_pipeline.errors import DiskFull
from spotify_pipeline.files import write_atomically


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "state.json"
    target.write_text("old")
    with target.open() as reader:
        write_atomically(target, "new ä")
        assert reader.read() == "old", "an open reader keeps the old content"
    assert target.read_text(encoding="utf-8") == "new ä"
    assert list(tmp_path.iterdir()) == [target]


def test_a_secret_file_is_never_readable_by_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []
    rename = Path.replace

    def replace(self: Path, target: Path) -> Path:
        modes.append(stat.S_IMODE(self.stat().st_mode))
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    write_atomically(tmp_path / "secret", "x", mode=0o600)
    assert modes == [0o600]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_atomically(target, b"new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_is_replaced_and_its_target_is_kept(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_atomically(link, "new")
    assert (target.read_text(), link.read_text(), link.is_symlink()) == ("old", "new", False)


def test_a_full_disk_is_transient_and_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match=r"/file cannot be written \(No space left on device\): free some"):
        write_atomically(tmp_path / "file", b"new")
    assert list(tmp_path.iterdir()) == []
