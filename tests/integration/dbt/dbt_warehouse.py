"""A real warehouse with a small catalogue in staging, and dbt run against it in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from dbt.adapters.factory import reset_adapters
from dbt.cli.main import dbtRunner, dbtRunnerResult
from psycopg import sql

from spotify_pipeline.settings import PROJECT_ROOT
from tests.integration.databases import PASSWORDS

PASSWORD = PASSWORDS["spotify_dbt"]
DAY = date(2026, 11, 5)
# staging tables whose rows name the response that listed them
LISTED = {
    f"staging.{table}"
    for kind in ("track", "album", "artist", "playlist")
    for table in (f"{kind}s", f"{kind}_observations")
}
LISTENER = "0123456789abcdef"


def spotify_id(word: str) -> str:
    """Return a well-formed id that begins with the word."""
    return word.ljust(22, "0")


@dataclass
class Warehouse:
    """The warehouse of one test: a connection per role, rows for staging, dbt."""

    admin_url: str
    target: Path
    database: str
    load_seq: int = field(default=0)

    def url(self, role: str) -> str:
        parts = urlsplit(self.admin_url)
        return f"postgresql://{role}:{PASSWORDS[role]}@{parts.hostname}:{parts.port}/{self.database}"

    def query(self, statement: str, *parameters: Any, role: str = "spotify_reader") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url(role)) as connection:
            return connection.execute(statement.encode(), parameters or None).fetchall()

    def execute(self, statement: str, role: str | None = None) -> None:
        with psycopg.connect(self.url(role) if role else self.admin_url) as connection:
            connection.execute(statement.encode())

    def insert(self, table: str, **values: Any) -> None:
        """Insert one row as the loader does, with defaults for the columns that every row has."""
        if table in LISTED:
            values = {
                "listing_observed_at": datetime(2026, 11, 5, tzinfo=UTC),
                "listing_rank": 0,
                "listing_raw_key": "raw/any.json",
            } | values
        if table.startswith("staging."):
            values = {"load_seq": self.load_seq} | values
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(*table.split(".")),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(sql.Placeholder() * len(values)),
        )
        with psycopg.connect(self.url("spotify_ingest")) as connection:
            connection.execute(statement, list(values.values()))

    def begin_load(self, day: date, source: str = "jazz") -> None:
        """Draw the next load_seq; later inserts carry it."""
        self.load_seq += 1
        now = datetime.now(UTC)
        self.insert(
            "ops.load",
            load_seq=self.load_seq,
            partition=day,
            source=source,
            started_at=now - timedelta(seconds=1),
            finished_at=now,
            inserted=1,
            updated=0,
            unchanged=0,
            complete=True,
            run_id="run",
            try_number=1,
        )

    def remove(
        self, *statements: str, history_before: date | None = None, plays_before: date | None = None
    ) -> None:
        """Delete rows as retention (with its dates) or an erasure does, with a row in the log of removals."""
        self.load_seq += 1
        dates = [repr(str(day)) if day else "null" for day in (history_before, plays_before)]
        for statement in statements:
            self.execute(statement, role="spotify_owner")
        self.execute(
            "insert into ops.removal (load_seq, removed_at, history_before, plays_before)"
            f" values ({self.load_seq}, now(), {', '.join(dates)})",
            role="spotify_owner",
        )

    def track(self, word: str, day: date, *, album: str | None, artists: list[str], **more: Any) -> None:
        """Insert a track and its observation of `day`."""
        values = {
            "track_id": spotify_id(word),
            "name": word.title(),
            "album_id": album and spotify_id(album),
            "artist_ids": [spotify_id(name) for name in artists],
            "track_number": 1,
            "disc_number": 1,
            "duration_ms": 180_000,
            "explicit": False,
        } | more
        self.insert("staging.tracks", first_seen_on=day, last_seen_on=day, **values)
        self.insert("staging.track_observations", observed_on=day, **values)
        self.member("track", word, day)

    def member(self, kind: str, word: str, day: date, source: str = "jazz") -> None:
        """Put a record into a source."""
        self.insert(
            "staging.source_records",
            source=source,
            record_kind=kind,
            record_id=spotify_id(word),
            first_seen_on=day,
            last_seen_on=day,
        )

    def album(self, word: str, day: date, *, released: tuple[str, str], artist: str, **more: Any) -> None:
        """Insert an album and its observation of `day`; `released` is text and precision."""
        values = {
            "album_id": spotify_id(word),
            "name": word.title(),
            "album_type": "album",
            "total_tracks": 2,
            "release_date_raw": released[0],
            "release_date_precision": released[1],
            "artist_ids": [spotify_id(artist)],
        } | more
        self.insert("staging.albums", first_seen_on=day, last_seen_on=day, **values)
        self.insert("staging.album_observations", observed_on=day, **values)
        self.member("album", word, day)

    def artist(self, word: str, day: date, *, stub: bool = False, **more: Any) -> None:
        """Insert an artist; a stub is only credited, so it has no observation and no source."""
        values = {"artist_id": spotify_id(word), "name": word.title()} | more
        self.insert("staging.artists", first_seen_on=day, last_seen_on=day, **values)
        if not stub:
            self.insert("staging.artist_observations", observed_on=day, **values)
            self.member("artist", word, day)

    def playlist(self, word: str, day: date) -> None:
        """Insert a playlist without its entries."""
        self.insert(
            "staging.playlists",
            playlist_id=spotify_id(word),
            name=word.title(),
            first_seen_on=day,
            last_seen_on=day,
        )
        self.member("playlist", word, day)

    def reading(self, word: str, day: date, tracks: Sequence[str | None], *, complete: bool = True) -> None:
        """Insert one reading of a playlist and its entries; None is an episode."""
        self.read("playlist", spotify_id(word), day, len(tracks), complete=complete)
        for position, track in enumerate(tracks):
            self.insert(
                "staging.playlist_membership",
                playlist_id=spotify_id(word),
                observed_on=day,
                position=position,
                track_id=track and spotify_id(track),
                item_kind="track" if track else "episode",
                complete=complete,
            )

    def read(self, kind: str, list_id: str, day: date, items: int, *, complete: bool = True) -> None:
        """Insert the row which says that a list was read, and whether completely."""
        self.insert(
            "staging.list_reads",
            list_kind=kind,
            list_id=list_id,
            observed_on=day,
            complete=complete,
            item_count=items,
            observed_at=datetime.combine(day, time(), UTC),
            raw_key="raw/any.json",
        )

    def saved(self, word: str, first_day: date, last_day: date) -> None:
        """Insert a track of the listener's library, seen from one day to another."""
        self.insert(
            "staging.saved_tracks",
            user_hash=LISTENER,
            track_id=spotify_id(word),
            added_at=datetime.combine(first_day, time(), UTC),
            observed_at=datetime.combine(last_day, time(), UTC),
            raw_key="raw/any.json",
            first_seen_on=first_day,
            last_seen_on=last_day,
        )

    def top(self, day: date, words: list[str]) -> None:
        """Insert the listener's top tracks of the last weeks, in order of rank."""
        self.read("top_tracks", f"{LISTENER}:short_term", day, len(words))
        for rank, word in enumerate(words, start=1):
            self.insert(
                "staging.top_tracks",
                user_hash=LISTENER,
                time_range="short_term",
                observed_on=day,
                rank=rank,
                track_id=spotify_id(word),
                observed_at=datetime.combine(day, time(), UTC),
                raw_key="raw/any.json",
            )

    def top_artists(self, day: date, words: list[str]) -> None:
        """Insert the listener's top artists of the last weeks, in order of rank."""
        self.read("top_artists", f"{LISTENER}:short_term", day, len(words))
        for rank, word in enumerate(words, start=1):
            self.insert(
                "staging.top_artists",
                user_hash=LISTENER,
                time_range="short_term",
                observed_on=day,
                rank=rank,
                artist_id=spotify_id(word),
                observed_at=datetime.combine(day, time(), UTC),
                raw_key="raw/any.json",
            )

    def followed(self, word: str, first_day: date, last_day: date) -> None:
        """Insert an artist that the listener followed from one day to another."""
        self.insert(
            "staging.followed_artists",
            user_hash=LISTENER,
            artist_id=spotify_id(word),
            observed_at=datetime.combine(last_day, time(), UTC),
            raw_key="raw/any.json",
            first_seen_on=first_day,
            last_seen_on=last_day,
        )

    def play(self, word: str, at: datetime) -> None:
        """Insert a play of the listener."""
        self.insert(
            "staging.plays",
            user_hash=LISTENER,
            played_at=at,
            track_id=spotify_id(word),
            observed_at=at,
            raw_key="raw/any.json",
            first_seen_on=at.date(),
        )

    def dbt(self, *arguments: str) -> dbtRunnerResult:
        """Run dbt as `spotify_dbt` in this process; its output goes outside the project folder."""
        places = ["--project-dir", str(PROJECT_ROOT / "dbt"), "--profiles-dir", str(PROJECT_ROOT / "dbt")]
        outside = ["--target-path", str(self.target), "--log-path", str(self.target)]
        try:
            return dbtRunner().invoke([*arguments, *places, *outside, "--quiet"])
        finally:
            reset_adapters()


def group(name: str, rank: int = 1) -> dict[str, Any]:
    """Return the order columns of a field group that a response contained."""
    return {
        f"{name}_observed_at": datetime(2026, 11, 5, tzinfo=UTC),
        f"{name}_rank": rank,
        f"{name}_raw_key": "raw/any.json",
    }


def statuses(result: dbtRunnerResult) -> dict[str, str]:
    """Return the status of each node by name, without exposures, which are not run."""
    assert result.exception is None, result.exception
    return {
        outcome.node.name: str(outcome.status)
        for outcome in result.result.results
        if outcome.node.resource_type != "exposure"
    }


def fill(warehouse: Warehouse, *, extended: bool) -> None:
    """Insert a day of two artists, two albums, three tracks, a playlist and a listener.

    The listener's library, top lists and followed artists are of two days. With `extended`, records have
    the fields that only an app with extended access gets.
    """
    popularity: dict[str, Any] = {"popularity": 50} | group("popularity") if extended else {}
    label: dict[str, Any] = {"label": "Blue Note"} | group("label") if extended else {}
    followers: dict[str, Any] = {"followers": 1_000} if extended else {}
    detail = group("detail")
    for name, active in (("jazz", True), ("taken_out", False)):
        warehouse.insert(
            "ops.source",
            name=name,
            kind="artist",
            active=active,
            definition_sha256="0" * 64,
            first_planned_on=DAY,
            last_planned_on=DAY,
        )
    warehouse.begin_load(DAY)
    warehouse.artist("monk", DAY, genres=["bebop", "jazz"], **detail, **popularity, **followers)
    warehouse.artist("guest", DAY, stub=True)
    warehouse.album("solo", DAY, released=("1957-04", "month"), artist="monk", **label, **popularity)
    warehouse.album("lost", DAY, released=("0000", "year"), artist="monk", name="", album_type="single")
    isrc = {"isrc": "us-rc1-76-07839"} | detail
    warehouse.track("ruby", DAY, album="solo", artists=["monk", "guest"], **isrc, **popularity)
    warehouse.track("nutty", DAY, album="solo", artists=["monk"], isrc="no code", **detail, **popularity)
    warehouse.track("stray", DAY, album=None, artists=["guest", "monk", "guest"])
    warehouse.insert(
        "staging.artists",
        artist_id=spotify_id("gone"),
        name="Gone",
        first_seen_on=DAY,
        last_seen_on=DAY,
    )
    warehouse.member("artist", "gone", DAY, source="taken_out")
    warehouse.playlist("evening", DAY)
    warehouse.reading("evening", DAY, ["ruby", "nutty", None])
    warehouse.reading("evening", DAY + timedelta(days=1), ["ruby"], complete=False)
    warehouse.reading("evening", DAY + timedelta(days=2), ["ruby", "stray"])
    for hours in (0, 1, 23, 72):
        warehouse.play("ruby", datetime.combine(DAY, time(1), UTC) + timedelta(hours=hours))
    for number, words in enumerate([["ruby", "nutty"], ["nutty", "ruby", "stray"]]):
        warehouse.read("saved_tracks", LISTENER, DAY + timedelta(days=number), 2 - number)
        warehouse.top(DAY + timedelta(days=number), words)
    for number, artists in enumerate([["monk", "guest"], ["guest"]]):
        warehouse.top_artists(DAY + timedelta(days=number), artists)
        warehouse.read("followed_artists", LISTENER, DAY + timedelta(days=number), len(artists))
    warehouse.followed("guest", DAY, DAY + timedelta(days=1))
    warehouse.followed("monk", DAY, DAY)
    warehouse.saved("ruby", DAY, DAY + timedelta(days=1))
    warehouse.saved("nutty", DAY, DAY)
    for kind, fetched, loaded in (("track", 5, 3), ("album", 2, 2), ("artist", 1, 1)):
        warehouse.insert(
            "ops.reconciliation",
            partition=DAY,
            source="jazz",
            record_kind=kind,
            fetched=fetched,
            loaded=loaded,
            quarantined=(fetched - loaded) // 2,
            duplicates=(fetched - loaded) // 2,
            set_aside=0,
            complete=True,
            status="complete",
            message=None,
            checked_at=datetime.now(UTC),
        )
