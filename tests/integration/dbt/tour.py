"""Reads the queries of docs/warehouse.md and writes their results as the page shows them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

from spotify_pipeline.settings import PROJECT_ROOT
from tests.integration.dbt.dbt_warehouse import LISTENER

PAGE = PROJECT_ROOT / "docs" / "warehouse.md"
_QUERY = re.compile(r"```sql\n(.*?)```\n(?:```text\n(.*?)```\n)?", re.DOTALL)

Result = tuple[list[str], list[tuple[Any, ...]]]


def queries(page: str) -> list[str]:
    """Return every query of the page in order."""
    return [match[1] for match in _QUERY.finditer(page)]


def with_results(page: str, run_query: Callable[[str], Result]) -> str:
    """Run each query of the page, and return the page with its shown results replaced."""

    def renew(match: re.Match[str]) -> str:
        columns, rows = run_query(match[1])
        shown = f"```text\n{table(columns, rows)}```\n" if match[2] is not None else ""
        return f"```sql\n{match[1]}```\n{shown}"

    return _QUERY.sub(renew, page)


def table(columns: list[str], rows: list[tuple[Any, ...]]) -> str:
    """Format rows as text in columns; NULL is a dash."""
    if not rows:
        return "(none)\n"
    lines = [columns, *(["-" if value is None else str(value) for value in row] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    padded = [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in lines
    ]
    return "".join(f"{line.rstrip()}\n" for line in padded)


def lists_and_plays(days: list[date]) -> str:
    """Return SQL that derives a playlist and a listener from staging; equal tracks give equal rows.

    It uses the first thirty tracks by id. Each day the playlist holds twelve of them and begins two tracks
    later than the day before. The listener plays one track every two hours from eight o'clock, has twenty
    saved tracks, one fewer each day, and has top tracks whose ranks change each day.
    """
    playlist = "EveningPlaylist0000000"
    statements = [
        "create temporary table chosen as select track_id, row_number() over (order by track_id) as place"
        " from (select track_id from staging.tracks order by track_id limit 30) as tracks",
        "insert into staging.playlists (playlist_id, name, listing_observed_at, listing_rank,"
        " listing_raw_key, first_seen_on, last_seen_on, load_seq)"
        f" values ('{playlist}', 'Evening', '{days[0]}', 0, 'raw/any.json', '{days[0]}', '{days[-1]}', 1)",
    ]
    for number, day in enumerate(days):
        statements += [
            "insert into staging.list_reads"
            " (list_kind, list_id, observed_on, complete, item_count, observed_at, raw_key, load_seq)"
            f" values ('playlist', '{playlist}', '{day}', true, 12, '{day}', 'raw/any.json', 1)",
            "insert into staging.playlist_membership"
            " (playlist_id, observed_on, position, track_id, item_kind, complete, load_seq)"
            f" select '{playlist}', '{day}', place, track_id, 'track', true, 1"
            f" from chosen where place between {2 * number + 1} and {2 * number + 12}",
        ]
        statements += [
            "insert into staging.list_reads"
            " (list_kind, list_id, observed_on, complete, item_count, observed_at, raw_key, load_seq)"
            f" values ('{kind}', '{list_id}', '{day}', true, {items}, '{day}', 'raw/any.json', 1)"
            for kind, list_id, items in (
                ("saved_tracks", LISTENER, 20 - number),
                ("top_tracks", f"{LISTENER}:short_term", 5),
            )
        ]
        statements += [
            "insert into staging.top_tracks"
            " (user_hash, time_range, observed_on, rank, track_id, observed_at, raw_key, load_seq)"
            f" select '{LISTENER}', 'short_term', '{day}', (place * {number + 1}) % 7, track_id, '{day}',"
            f" 'raw/any.json', 1 from chosen where place < 7 and (place * {number + 1}) % 7 < 6",
        ]
        statements += [
            "insert into staging.plays"
            " (user_hash, played_at, track_id, observed_at, raw_key, first_seen_on, load_seq)"
            f" select '{LISTENER}', '{at}', track_id, '{at}', 'raw/any.json', '{day}', 1"
            f" from chosen where place = {1 + (hour * (number + 3)) % 30}"
            for hour in range(8, 24, 2)
            for at in [datetime.combine(day, time(hour))]
        ]
    last = f"date '{days[-1]}' - greatest(place - {21 - len(days)}, 0)::integer"
    statements += [
        "insert into staging.saved_tracks"
        " (user_hash, track_id, added_at, observed_at, raw_key, first_seen_on, last_seen_on, load_seq)"
        f" select '{LISTENER}', track_id, timestamptz '2020-01-01 12:00Z' + place * interval '40 days',"
        f" '{days[-1]}', 'raw/any.json', '{days[0]}', {last}, 1 from chosen where place <= 20"
    ]
    return ";\n".join(statements)
