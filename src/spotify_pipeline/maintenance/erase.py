"""Erases one user: objects, rows, marts and logins.

It can stop at any point and be run again. The receipt is written first: from then on, runs neither read nor
load data of this user. Logins, objects, rows and marts follow.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import orjson

from spotify_pipeline.connections import WAREHOUSE_DBT, WAREHOUSE_OWNER, ConnectionInfo
from spotify_pipeline.errors import ConfigurationError, DamagedObject
from spotify_pipeline.lake import Lake, keys
from spotify_pipeline.lake.weeks import week_name
from spotify_pipeline.maintenance.objects import objects_of_user, remove_objects, shared_pages
from spotify_pipeline.maintenance.shared_lists import erase_from_other_accounts
from spotify_pipeline.sources.model import SourceKind
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse import landing
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.erase import ErasedIds, account_since, erase_marts, erase_rows
from spotify_pipeline.warehouse.erasures import (
    Receipt,
    begin_erasure,
    finish_erasure,
    last_erasures,
    without_zeros,
)
from spotify_pipeline.warehouse.publication import pin
from spotify_pipeline.warehouse.revisions import require_current

LOGIN_KINDS = [kind.value for kind in SourceKind if kind.needs_login]
ForgetLogins = Callable[[str, bool], dict[str, int]]
"""Removes the tokens of a user (hash, dry run) from every reachable place; returns counts by place."""


def erase_user(
    runtime: Runtime,
    user_hash: str,
    forget_logins: ForgetLogins,
    *,
    dry_run: bool = False,
    erased_at: datetime | None = None,
    report: Callable[[str], None] = lambda _line: None,
) -> Receipt:
    """Remove all data that comes from a user's account; a second call finds nothing.

    Counts in the marts (tracks of an artist, new tracks of a day) change with the next run of dbt. The
    receipt is also stored in the lake, from which `apply_receipts` repeats the erasure in a restored
    warehouse.

    Args:
        runtime: the connections.
        user_hash: 16 hexadecimal digits.
        forget_logins: removes the user's tokens.
        dry_run: only count.
        erased_at: time of an erasure to repeat; objects of later dates stay, as the user logged in again.
        report: takes each line of progress.

    Raises:
        ConfigurationError: `user_hash` is not a hash, or the bucket keeps earlier versions of objects.
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
    until = None if erased_at is None else erased_at.astimezone(UTC).date()
    begun = None
    if not dry_run:
        with connect(owner) as conn:
            require_current(conn)
            begun = begin_erasure(conn, user_hash, erased_at)
        write_receipt(runtime.lake, Receipt(user_hash, erased_at=begun[1]))
    receipt.removed.update(forget_logins(user_hash, dry_run))
    sources, since = _erase_objects(runtime, receipt, until, dry_run=dry_run, report=report)
    ids = _erase_rows(owner, receipt, sources, dry_run=dry_run)
    report(f"warehouse: {sum(count for name, count in receipt.removed.items() if '.' in name)} rows")
    _erase_marts(runtime.lookup(WAREHOUSE_DBT), receipt, ids, dry_run=dry_run)
    if begun is not None:
        # rows that a running replay has landed are deleted with its batch; it has lost its lease
        with connect(owner, autocommit=True) as conn:
            landing.remove_dead_batches(conn)
        # a fetch or a report that was running may have written more objects
        _erase_objects(runtime, receipt, until, since=since)
        with connect(owner) as conn:
            finish_erasure(conn, begun[0], receipt.removed)
        write_receipt(runtime.lake, Receipt(user_hash, receipt.removed, begun[1]))
    return receipt


def _erase_objects(
    runtime: Runtime,
    receipt: Receipt,
    until: date | None,
    *,
    since: date | None = None,
    dry_run: bool = False,
    report: Callable[[str], None] = lambda _line: None,
) -> tuple[set[str], date | None]:
    """Remove the user's objects, the user's data in those of other accounts, and pages that count the user.

    Returns:
        Names of the account's sources, and the first date on which the account was read, or None.
    """
    lake, user_hash = runtime.lake, receipt.user_hash
    stored = objects_of_user(lake, user_hash, until)
    sources = {source for found in stored.values() for key in found if (source := keys.source_of(key))}
    owner = runtime.lookup(WAREHOUSE_OWNER)
    with connect(owner) as conn:
        since = since or account_since(conn, user_hash, sources)
    # the pages first: without the objects, a repeated call cannot find the first date
    if since is not None:
        pages = shared_pages(lake, since)
        receipt.removed[f"{keys.REPORTS} objects of all accounts"] += len(pages)
        copies = _copies(runtime.settings.report_dir, since)
        receipt.removed["copies of pages"] += len(copies)
        if not dry_run:
            remove_objects(lake, keys.REPORTS, pages)
            for path in copies:
                path.unlink(missing_ok=True)
    for zone, found in stored.items():
        receipt.removed[f"{zone} objects"] += len(found)
        report(f"{zone}: {len(found)} objects")
        if not dry_run:
            remove_objects(lake, zone, found)
    receipt.removed.update(erase_from_other_accounts(lake, user_hash, dry_run=dry_run))
    return sources, since


def _copies(folder: Path | None, since: date) -> list[Path]:
    """Return the paths of copies of pages of days and weeks from a date on."""
    if folder is None:
        return []
    oldest = (f"report-{since}", f"week-{week_name(since)}")
    return [
        path
        for name in oldest
        for path in sorted(folder.glob(f"{name.partition('-')[0]}-*.html"))
        if path.stem >= name
    ]


def write_receipt(lake: Lake, receipt: Receipt) -> None:
    """Write a receipt to the lake; it replaces one of the same erasure."""
    assert receipt.erased_at is not None  # noqa: S101 - the erasure has begun
    fields = {
        "user_hash": receipt.user_hash,
        "erased_at": receipt.erased_at.isoformat(),
        "removed": without_zeros(receipt.removed),
    }
    lake.put(keys.erasure_key(receipt.user_hash, receipt.erased_at), orjson.dumps(fields))


def read_receipts(lake: Lake) -> list[Receipt]:
    """Return the last receipt of each user in the lake.

    Raises:
        DamagedObject: a receipt cannot be read.
    """
    newest: dict[str, Receipt] = {}
    for key in lake.keys(f"{keys.ERASURES}/"):
        try:
            fields = orjson.loads(lake.get(key).data)
            at = keys.parse_instant(fields["erased_at"])
            found = Receipt(fields["user_hash"], Counter(fields["removed"]), at)
        except (ValueError, TypeError, KeyError):
            raise DamagedObject(
                f"receipt '{key}' cannot be read: erase the user after whom it is named again, and delete it"
            ) from None
        known = newest.get(found.user_hash)
        if known is None or known.erased_at is None or known.erased_at < at:
            newest[found.user_hash] = found
    return [newest[user] for user in sorted(newest)]


def apply_receipts(
    runtime: Runtime, forget_logins: ForgetLogins, *, report: Callable[[str], None] = lambda _line: None
) -> list[Receipt]:
    """Repeat the erasures that a restored warehouse does not have.

    Returns:
        The receipts of the repeated erasures.

    Raises:
        PipelineError: see `erase_user`.
    """
    owner = runtime.lookup(WAREHOUSE_OWNER)
    with connect(owner) as conn:
        require_current(conn)
        known = last_erasures(conn)
    done = []
    for receipt in read_receipts(runtime.lake):
        user, at = receipt.user_hash, receipt.erased_at
        if at is not None and (user not in known or known[user] < at):
            report(f"erasure of {at:%Y-%m-%d}: applied again")
            done.append(erase_user(runtime, user, forget_logins, erased_at=at, report=report))
    return done


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


def _erase_rows(owner: ConnectionInfo, receipt: Receipt, sources: set[str], *, dry_run: bool) -> ErasedIds:
    with connect(owner, application_name="spotify-pipeline erase") as conn:
        require_current(conn)
        removed, ids = erase_rows(conn, receipt.user_hash, sources, login_kinds=LOGIN_KINDS)
        receipt.removed.update(removed)
        if dry_run:
            conn.rollback()
    return ids


def _erase_marts(dbt: ConnectionInfo, receipt: Receipt, ids: ErasedIds, *, dry_run: bool) -> None:
    with connect(dbt, application_name="spotify-pipeline erase") as conn:
        pin(conn)  # else a publication could rename a table before its rows are deleted
        receipt.removed.update(erase_marts(conn, receipt.user_hash, ids))
        if dry_run:
            conn.rollback()
