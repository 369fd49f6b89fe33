"""Lists every place that can contain data of a user's account, how it is erased, and how long it is kept.

Erasure and retention use these zones. Tables are listed with their statements: `warehouse.erase_sql.TABLES`,
and `DELETE` and `KEPT` of `warehouse.retention`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from spotify_pipeline.lake import keys
from spotify_pipeline.settings import Settings


class Erased(StrEnum):
    """Rule by which an erasure finds the objects of a user in a zone."""

    FOLDERS = "folders user=HASH, and lists of the user that other accounts have read"
    PAGES = "folders user=HASH, and all pages from the first day on which the account was read"
    CONTENT = "objects that contain the hash"
    RECEIPTS = "stay: a hash, a time and counts"
    NOTHING = "no object is about an account"


@dataclass(frozen=True)
class Zone:
    """A zone of the object store.

    Attributes:
        name: First part of its keys.
        erased: Rule by which an erasure finds a user's objects.
        setting: Setting with the days that its objects are kept; None if they are kept for ever.
    """

    name: str
    erased: Erased
    setting: str | None

    def days(self, settings: Settings) -> int | None:
        """Return the number of days that objects are kept, None if they are kept for ever."""
        return None if self.setting is None else int(getattr(settings, self.setting))


ZONES = (
    Zone(keys.RAW, Erased.FOLDERS, "retain_raw_days"),
    Zone(keys.VALIDATED, Erased.FOLDERS, "retain_validated_days"),
    Zone(keys.QUARANTINE, Erased.FOLDERS, "retain_quarantine_days"),
    Zone(keys.REPORTS, Erased.PAGES, "retain_report_days"),
    Zone(keys.ALERTS, Erased.CONTENT, "retain_log_days"),
    Zone(keys.DOCS, Erased.NOTHING, None),
    Zone(keys.ERASURES, Erased.RECEIPTS, None),
)
PARTITIONED = tuple(zone for zone in ZONES if zone.erased in (Erased.FOLDERS, Erased.PAGES))
"""Zones whose folders are partitions."""

OUTSIDE: Mapping[str, str] = {
    "login files and Airflow's Variables": (
        "tokens; the erasure removes them, or the next spotify_maintenance while sources.yml names the user"
    ),
    "connections `spotify_user` and `spotify_user_NAME`": "tokens; remove the user's one yourself",
    "copies of pages (`SPOTIFY_PIPELINE_REPORT_DIR`)": "the erasure removes them with the pages",
    "alerts that were sent: file, mail, Slack": "sources and dates; they name no account and no play",
    "Airflow's XCom, task logs and metadata": (
        "keys without their account, counts of records by source; "
        "deleted by age with `airflow db clean`, see docs/retention.md"
    ),
    "Spark": "rows in schema `landing`, deleted with their replay; Spark itself keeps none",
    "dbt's documentation": "SQL and column names",
    "backups": "restored without erased users, since the receipts are applied",
    "what readers exported": "theirs to delete",
}
"""Places outside the lake and the warehouse, and the effect of an erasure there."""
