"""Backs up and restores the warehouse with pg_dump and pg_restore, as the roles that own the tables.

Of the pipeline's tables, only rows are saved: a restore creates the tables with the migrations, up to the
revision of the backup, so that rights and functions are those of the bootstrap. dbt's tables are saved with
their definitions. Both are of one snapshot.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import ConfigurationError, UnreadableFile, WarehouseUnavailable
from spotify_pipeline.files import write_atomically
from spotify_pipeline.warehouse.connection import TLS_OPTIONS, connect
from spotify_pipeline.warehouse.migrate import migrate
from spotify_pipeline.warehouse.revisions import require_current
from spotify_pipeline.warehouse.roles import DBT_AUDIT, DBT_SCHEMAS, OWNER_SCHEMAS

ROWS, TABLES_OF_DBT, CONTENTS = "pipeline.dump", "dbt.dump", "backup.json"
# without the stored failures of tests, which the next run writes again
_DBT_SCHEMAS = tuple(name for name in DBT_SCHEMAS if name != DBT_AUDIT)


@dataclass(frozen=True)
class Backup:
    """Contents of a backup folder: the schema revision, the time, and the digest of each file."""

    revision: str
    made_at: datetime
    files: Mapping[str, str]


def back_up(owner: ConnectionInfo, dbt: ConnectionInfo, folder: Path, pg_dump: str) -> Backup:
    """Save the warehouse into a new folder; loads and readers can continue meanwhile.

    Args:
        owner: connection `warehouse_owner`.
        dbt: connection `warehouse_dbt`.
        folder: gets the files; only its owner may enter it.
        pg_dump: path of the program.

    Raises:
        ConfigurationError: the folder exists, or pg_dump cannot save this server.
        SchemaVersionError: the warehouse does not have this code's tables.
        WarehouseUnavailable: it cannot be reached.
    """
    try:
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise ConfigurationError(
            f"folder {folder} cannot be created ({error.strerror}): name a new one"
        ) from None
    try:
        backup = _save(owner, dbt, folder, pg_dump)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    fields = asdict(backup) | {"made_at": backup.made_at.isoformat()}
    # written last: a folder without it is no backup
    write_atomically(folder / CONTENTS, json.dumps(fields, indent=2) + "\n", mode=0o600)
    return backup


def _save(owner: ConnectionInfo, dbt: ConnectionInfo, folder: Path, pg_dump: str) -> Backup:
    with connect(owner, statement_timeout=0) as conn:
        # held open, so that both dumps read the snapshot of this transaction
        conn.execute("SET SESSION idle_in_transaction_session_timeout = 0")
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        revision = require_current(conn)
        row = conn.execute("SELECT pg_export_snapshot()").fetchone()
        snapshot = str(row[0]) if row else ""
        made_at = datetime.now(UTC)
        common = ["--format=custom", "--no-owner", f"--snapshot={snapshot}"]
        own = [f"--schema={name}" for name in OWNER_SCHEMAS]
        _run(
            [
                pg_dump,
                *common,
                *own,
                "--data-only",
                "--exclude-table=ops.alembic_version",
                "--file",
                str(folder / ROWS),
            ],
            owner,
        )
        built = [f"--schema={name}" for name in _DBT_SCHEMAS]
        _run([pg_dump, *common, *built, "--no-privileges", "--file", str(folder / TABLES_OF_DBT)], dbt)
    return Backup(revision, made_at, {name: _digest(folder / name) for name in (ROWS, TABLES_OF_DBT)})


def read_backup(folder: Path) -> Backup:
    """Read the contents of a backup folder, and compare its files with their digests.

    Raises:
        UnreadableFile: it is not a backup, or not a complete one.
    """
    try:
        fields: dict[str, Any] = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
        backup = Backup(fields["revision"], datetime.fromisoformat(fields["made_at"]), fields["files"])
        damaged = [name for name, digest in backup.files.items() if _digest(folder / name) != digest]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableFile(
            f"{folder} is not a complete backup ({type(error).__name__}): name a folder that "
            "'spotify-pipeline backup' made"
        ) from None
    if damaged:
        raise UnreadableFile(
            f"{', '.join(damaged)} of backup {folder} has changed since the backup: use another backup"
        )
    return backup


def restore(owner: ConnectionInfo, dbt: ConnectionInfo, folder: Path, pg_restore: str) -> Backup:
    """Restore a backup into a bootstrapped, empty warehouse, then migrate it.

    Args:
        owner: connection `warehouse_owner`.
        dbt: connection `warehouse_dbt`.
        folder: a backup.
        pg_restore: path of the program.

    Raises:
        UnreadableFile: it is not a backup, or not a complete one.
        ConfigurationError: the warehouse is not empty, or pg_restore cannot read the files.
        SchemaVersionError: it was never bootstrapped, or the backup is of a newer release.
        WarehouseUnavailable: it cannot be reached.
    """
    backup = read_backup(folder)
    migrate(owner, backup.revision)
    with connect(owner) as conn:
        row = conn.execute(
            "SELECT EXISTS (SELECT FROM ops.source) OR EXISTS (SELECT FROM ops.load)"
        ).fetchone()
        if row is None or row[0]:
            raise ConfigurationError(
                f"database '{owner.schema}' already has rows: drop it, run 'spotify-pipeline warehouse "
                "bootstrap', and restore into the empty one"
            )
    common = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
    _run([pg_restore, *common, "--data-only", f"--dbname={owner.schema}", str(folder / ROWS)], owner)
    # with the name of a schema, pg_restore restores its contents and not the schema, which exists
    built = [f"--schema={name}" for name in _DBT_SCHEMAS]
    _run([pg_restore, *common, *built, f"--dbname={dbt.schema}", str(folder / TABLES_OF_DBT)], dbt)
    migrate(owner)
    return backup


def _run(command: list[str], info: ConnectionInfo) -> None:
    # the password is in the environment, because arguments appear in the list of processes
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    environment |= {
        "PGHOST": info.require("host"),
        "PGPORT": str(info.port or 5432),
        "PGUSER": info.require("login"),
        "PGDATABASE": info.require("schema"),
        "PGPASSWORD": info.password or "",
        **{f"PG{name.upper()}": str(info.extra[name]) for name in TLS_OPTIONS if info.extra.get(name)},
    }
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as error:
        raise ConfigurationError(f"{command[0]} cannot be run ({error.strerror}): install it again") from None
    if done.returncode == 0:
        return
    program = Path(command[0]).name
    said = " ".join(done.stderr.split())[:500] or f"exit status {done.returncode}"
    if "connection to server" in said:
        raise WarehouseUnavailable(f"connection '{info.conn_id}': {said}")
    way_out = (
        "use the program of the server's own version"
        if "version mismatch" in said
        else "correct what it says, and begin with an empty folder or database"
    )
    raise ConfigurationError(f"{program} ended with an error ({said}): {way_out}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
