"""Writes the next revision of the warehouse's schema, from the metadata that the newest revision lacks.

Alembic's autogenerate compares tables, columns, types, keys and indexes. Add checks, views, functions and
rights to the new file by hand.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from alembic import command
from alembic.script import Script

from spotify_pipeline.connections import WAREHOUSE_OWNER, ConnectionInfo
from spotify_pipeline.warehouse.migrate import config_for, create_engine
from spotify_pipeline.warehouse.revisions import head
from spotify_stack.scratch import scratch_warehouse


def write_revision(owner: ConnectionInfo, message: str) -> Path:
    """Write the revision after head, and return its path.

    Args:
        owner: connection of the owner to a warehouse at head.
        message: purpose of the revision in a few words.
    """
    number = f"r{int(head().removeprefix('r')) + 1:04d}"
    with create_engine(owner, statement_timeout=60, lock_timeout=60).connect() as connection:
        script = command.revision(config_for(connection), message, autogenerate=True, rev_id=number)
    assert isinstance(script, Script)  # noqa: S101 - one message makes one revision
    for arguments in (["check", "--fix", "--quiet"], ["format", "--quiet"]):
        ruff = [sys.executable, "-m", "ruff", *arguments, script.path]
        subprocess.run(ruff, check=False)  # noqa: S603 - our own command line
    return Path(script.path)


def main(message: Annotated[str, typer.Argument(help="what the revision is for, in a few words")]) -> None:
    """Write the next revision, by comparing a scratch warehouse at the newest one with the metadata."""
    with tempfile.TemporaryDirectory(prefix="revision-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postgres may run as another user
        with scratch_warehouse(folder) as warehouse:
            typer.echo(write_revision(warehouse.connections[WAREHOUSE_OWNER], message))


if __name__ == "__main__":
    typer.run(main)
