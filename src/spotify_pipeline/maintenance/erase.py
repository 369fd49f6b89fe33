"""Erasure of one user: from the lake, the warehouse, the marts, and the login.

It can stop at any point and be run again. The receipt is written first: from then on no run reads for this
user or loads what it read. Login, objects, rows and marts follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from spotify_pipeline.connections import WAREHOUSE_DBT, WAREHOUSE_OWNER, ConnectionInfo
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.lake import keys
from spotify_pipeline.maintenance.objects import objects_of_user, remove_objects
from spotify_pipeline.sources.model import SourceKind
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse import landing
from spotify_pipeline.warehouse.connection import connect, naming_the_server
from spotify_pipeline.warehouse.erase import ErasedIds, erase_marts, erase_rows
from spotify_pipeline.warehouse.erasures import Receipt, begin_erasure, finish_erasure
from spotify_pipeline.warehouse.migrate import require_current
from spotify_pipeline.warehouse.publication import pin

LOGIN_KINDS = [kind.value for kind in SourceKind if kind.needs_login]
ForgetLogins = Callable[[str, bool], dict[str, int]]
"""Removes the tokens of a user (hash, dry run) from every reachable place; returns counts by place."""


def erase_user(
    runtime: Runtime,
    user_hash: str,
    forget_logins: ForgetLogins,
    *,
    dry_run: bool = False,
    report: Callable[[str], None] = lambda _line: None,
) -> Receipt:
    """Remove all that derives from a user's account; a second call finds nothing.

    Counts that the marts derive (tracks of an artist, new tracks of a day) follow with the next run of dbt.

    Args:
        runtime: the connections.
        user_hash: 16 hexadecimal digits.
        forget_logins: removes the user's tokens.
        dry_run: only count.
        report: takes each line of progress.

    Raises:
        ConfigurationError: `user_hash` is no hash, or the bucket keeps earlier versions of objects.
        LakeUnavailable, WarehouseUnavailable: the store or the warehouse cannot be used; run it again.
    """
    require_hash(user_hash)
    if runtime.lake.keeps_versions():
        raise ConfigurationError(
            f"bucket '{runtime.lake.bucket}' keeps earlier versions of objects, which an erasure does not "
            "remove: copy the current objects to a bucket that never had versioning, name it in connection "
            "'spotify_lake', delete this one, and run the command again"
        )
    receipt = Receipt(user_hash)
    owner = runtime.lookup(WAREHOUSE_OWNER)
    erasure_id = None if dry_run else _begin(owner, user_hash)
    receipt.removed.update(forget_logins(user_hash, dry_run))
    sources: set[str] = set()
    for zone, stored in objects_of_user(runtime.lake, user_hash).items():
        sources |= {source for key in stored if (source := keys.source_of(key))}
        receipt.removed[f"{zone} objects"] = len(stored)
        report(f"{zone}: {len(stored)} objects")
        if not dry_run:
            remove_objects(runtime.lake, zone, stored)
    ids = _erase_rows(owner, receipt, sources, dry_run=dry_run)
    report(f"warehouse: {sum(count for name, count in receipt.removed.items() if '.' in name)} rows")
    _erase_marts(runtime.lookup(WAREHOUSE_DBT), receipt, ids, dry_run=dry_run)
    if erasure_id is not None:
        # rows that a running replay has landed are deleted with its batch; it has lost its lease
        with naming_the_server(owner), connect(owner, autocommit=True) as conn:
            landing.remove_dead(conn)
        # a fetch that was running may have written more
        for zone, stored in objects_of_user(runtime.lake, user_hash).items():
            receipt.removed[f"{zone} objects"] += len(stored)
            remove_objects(runtime.lake, zone, stored)
        _finish(owner, erasure_id, receipt)
    return receipt


def require_hash(user_hash: str) -> None:
    """Check the form of a user's hash.

    Raises:
        ConfigurationError: it is not 16 hexadecimal digits.
    """
    if not re.fullmatch(r"[0-9a-f]{16}", user_hash):
        raise ConfigurationError(
            f"{user_hash!r} is not the hash of a user: give the 16 hexadecimal digits that "
            "'spotify-pipeline auth status' shows, or --me for the user who is logged in here"
        )


def _begin(owner: ConnectionInfo, user_hash: str) -> int:
    with naming_the_server(owner), connect(owner) as conn:
        require_current(conn)
        return begin_erasure(conn, user_hash)


def _finish(owner: ConnectionInfo, erasure_id: int, receipt: Receipt) -> None:
    with naming_the_server(owner), connect(owner) as conn:
        finish_erasure(conn, erasure_id, receipt.removed)


def _erase_rows(owner: ConnectionInfo, receipt: Receipt, sources: set[str], *, dry_run: bool) -> ErasedIds:
    with naming_the_server(owner), connect(owner, application_name="spotify-pipeline erase") as conn:
        require_current(conn)
        removed, ids = erase_rows(conn, receipt.user_hash, sources, login_kinds=LOGIN_KINDS)
        receipt.removed.update(removed)
        if dry_run:
            conn.rollback()
    return ids


def _erase_marts(dbt: ConnectionInfo, receipt: Receipt, ids: ErasedIds, *, dry_run: bool) -> None:
    with naming_the_server(dbt), connect(dbt, application_name="spotify-pipeline erase") as conn:
        pin(conn)  # else a publication could rename a table before its rows are deleted
        receipt.removed.update(erase_marts(conn, receipt.user_hash, ids))
        if dry_run:
            conn.rollback()
