"""Atomic file writes, full disks, and digests of a folder."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Collection, Iterator
from pathlib import Path

from spotify_pipeline.errors import DiskFull

# EFBIG: the limit on the size of a process's files
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextlib.contextmanager
def full_disk_named(what: str) -> Iterator[None]:
    """Convert the error of a full disk into one that says which file could not be written.

    Raises:
        DiskFull: the disk, or the share of this user, is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull.of(what, error) from None
        raise


def write_atomically(path: Path, content: bytes | str, *, mode: int = 0o644) -> None:
    """Replace a file in one operation: readers see the old or the new content, never a part of it.

    The content is on disk before the file appears under its name, and the file has its mode from the
    beginning. A symbolic link is replaced, its target is not changed.

    Args:
        path: File to write; its folder must exist.
        content: Bytes, or text that is written as UTF-8.
        mode: Permissions of the file, from which the umask of the process is taken away.

    Raises:
        DiskFull: there is no space left.
        OSError: the folder cannot be written.
    """
    with full_disk_named(str(path)):
        _write(path, content, mode)


def _write(path: Path, content: bytes | str, mode: int) -> None:
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def folder_digest(folder: Path, *, without: Collection[str] = ()) -> str:
    """Return a digest of the path and the content of every file in a folder.

    Times are not part of it: a changed file from `cp -a` or an archive can have an old time.

    Args:
        folder: The folder; hidden folders in it are left out.
        without: Names of folders that are left out, too.
    """
    found = hashlib.sha256()
    for path in _files(folder, without):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        found.update(f"{path.relative_to(folder)}\0{content}\n".encode())
    return found.hexdigest()


def folder_fingerprint(folder: Path, *, without: Collection[str] = ()) -> str:
    """Return a digest of path, size and modification time of every file in a folder.

    Args:
        folder: The folder; hidden folders in it are left out.
        without: Names of folders that are left out, too.
    """
    found = hashlib.sha256()
    for path in _files(folder, without):
        with contextlib.suppress(FileNotFoundError):  # just removed: the digest differs anyway
            state = path.stat()
            found.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return found.hexdigest()


def _files(folder: Path, without: Collection[str]) -> Iterator[Path]:
    for parent, names, files in os.walk(folder):
        names[:] = sorted(name for name in names if name not in without and not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(files))
