"""Time the work on fct_track_daily, as one table and partitioned by month, over millions of rows.

    make benchmark-queries        (python benchmarks/query_benchmark.py --tracks 50000 --days 100)

It starts a Postgres of its own in a temporary folder, with the settings of the embedded stack. A result is
the median of three warm runs; docs/decisions/0004-warehouse-partitioning.md says what followed.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import psycopg
from psycopg import sql

from spotify_stack.ports import PortReservation
from spotify_stack.postgres import PostgresServer
from spotify_stack.processes import running

FIRST_DAY = date(2026, 1, 1)
FLAT, MONTHLY = "flat", "monthly"
COLUMNS = (
    "track_id text not null, observed_on date not null, album_id text, primary_artist_id text,"
    " popularity smallint, is_playable boolean, duration_ms integer, load_seq bigint"
)
ROWS = (
    "select lpad(n::text, 22, 't'), %(day)s::date + day, lpad((n / 10)::text, 22, 'a'),"
    " lpad((n / 50)::text, 22, 'r'), (n + day / 3) %% 100, true, 180000 + n, day + 1"
    " from generate_series(%(from)s, %(to)s - 1) as day, generate_series(0, %(tracks)s - 1) as n"
)
INDEXES = (
    "unique index on {} (track_id, observed_on)",
    "index on {} (observed_on)",
    "index on {} (load_seq)",
)
QUERIES = {
    "one track's history": "select observed_on, popularity from {} where track_id = lpad('17', 22, 't')",
    "one day's rows": "select count(*), avg(popularity) from {} where observed_on = %(last)s",
    "newest popularity of every track": (
        "select count(*) from tracks cross join lateral (select popularity from {} as observed"
        " where observed.track_id = tracks.track_id and popularity is not null"
        " order by observed_on desc limit 1) as newest"
    ),
    "newest load": "select max(load_seq) from {}",
}


def main() -> None:
    """Fill both tables and print the seconds of each job."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tracks", type=int, default=50_000)
    parser.add_argument("--days", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, PortReservation() as ports:
        server = PostgresServer(
            Path(folder, "data"),
            ports.choose(15_900),
            password="benchmark",  # noqa: S106 - its own, gone with it
            durable=True,
        )
        server.initialise()
        log = Path(folder, "postgres.log")
        with (
            running(
                server.command(),
                check=server.check,
                log=log,
                what="Postgres of the benchmark",
                stop_signal=signal.SIGINT,
            ),
            psycopg.connect(server.url(), autocommit=True) as connection,
        ):
            compare(connection, options.tracks, options.days)


def compare(connection: psycopg.Connection, tracks: int, days: int) -> None:
    """Run every job on each table."""
    numbers = {"day": FIRST_DAY, "last": FIRST_DAY + timedelta(days=days - 1), "tracks": tracks}
    connection.execute(
        "create table tracks as select lpad(n::text, 22, 't') as track_id"
        " from generate_series(0, %(tracks)s - 1) as n",
        numbers,
    )
    print(f"{tracks * days:,} observations\n{'':40}{FLAT:>10}{MONTHLY:>10}")
    create(connection, days)
    jobs: dict[str, Callable[[str], float]] = {
        "fill and index": lambda shape: fill(connection, shape, numbers | {"from": 0, "to": days}),
        "a day again (delete, insert)": lambda shape: statistics.median(
            replace_day(connection, shape, numbers | {"from": days - 1, "to": days}) for _ in range(3)
        ),
        **{name: repeated(connection, query, numbers) for name, query in QUERIES.items()},
        "drop the oldest 31 days": lambda shape: retire(connection, shape),
    }
    for name, job in jobs.items():
        print(f"{name:40}" + "".join(f"{job(shape):10.3f}" for shape in (FLAT, MONTHLY)), flush=True)


def create(connection: psycopg.Connection, days: int) -> None:
    """Create both tables, empty."""
    run(connection, "create table {} (" + COLUMNS + ")", FLAT)
    run(connection, "create table {} (" + COLUMNS + ") partition by range (observed_on)", MONTHLY)
    month = FIRST_DAY
    while month < FIRST_DAY + timedelta(days=days):
        following = (month + timedelta(days=31)).replace(day=1)
        name = sql.Identifier(f"{MONTHLY}_{month:%Y_%m}")
        connection.execute(
            sql.SQL("create table {} partition of {} for values from ({}) to ({})").format(
                name, sql.Identifier(MONTHLY), sql.Literal(str(month)), sql.Literal(str(following))
            )
        )
        month = following


def fill(connection: psycopg.Connection, shape: str, numbers: dict[str, object]) -> float:
    """Insert all rows, then create the indexes, as a full refresh does."""
    begun = time.perf_counter()
    run(connection, "insert into {} " + ROWS, shape, numbers)
    for index in INDEXES:
        run(connection, f"create {index}", shape)
    seconds = time.perf_counter() - begun
    connection.execute("vacuum analyze")
    return seconds


def replace_day(connection: psycopg.Connection, shape: str, numbers: dict[str, object]) -> float:
    """Replace the rows of a day as an incremental run does: by key, from a temporary table."""
    connection.execute("drop table if exists day")
    connection.execute(("create temporary table day (" + COLUMNS + ")").encode())
    run(connection, "insert into day " + ROWS, shape, numbers)
    begun = time.perf_counter()
    with connection.transaction():
        run(
            connection,
            "delete from {} as target using day where day.track_id = target.track_id"
            " and day.observed_on = target.observed_on",
            shape,
        )
        run(connection, "insert into {} select * from day", shape)
    return time.perf_counter() - begun


def repeated(
    connection: psycopg.Connection, query: str, numbers: dict[str, object]
) -> Callable[[str], float]:
    """Return the median seconds of three runs of a query, after a warm-up."""

    def seconds(shape: str) -> float:
        took = []
        for _ in range(4):
            begun = time.perf_counter()
            run(connection, query, shape, numbers)
            took.append(time.perf_counter() - begun)
        return statistics.median(took[1:])

    return seconds


def retire(connection: psycopg.Connection, shape: str) -> float:
    """Remove old rows as retention does: delete and vacuum, or drop the partition."""
    begun = time.perf_counter()
    if shape == MONTHLY:
        run(connection, f"drop table {MONTHLY}_{FIRST_DAY:%Y_%m}", shape)
    else:
        run(connection, "delete from {} where observed_on < '2026-02-01'", shape)
        run(connection, "vacuum {}", shape)
    return time.perf_counter() - begun


def run(
    connection: psycopg.Connection, statement: str, shape: str, numbers: dict[str, object] | None = None
) -> None:
    """Run a statement on one of the tables."""
    connection.execute(sql.SQL(statement).format(sql.Identifier(shape)), numbers)


if __name__ == "__main__":
    main()
