"""Read raw responses from the store and write their tracks into one table: no checks, no history, one file.

    python -m benchmarks.peers.bare_script '{"endpoint": …}'

It is what the load costs at the least: list, get, decode, COPY, one upsert.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import psycopg
import urllib3
from minio import Minio

COLUMNS = ("track_id", "name", "album_id", "duration_ms", "explicit", "popularity", "isrc")
TABLE = "CREATE TABLE IF NOT EXISTS bare.track (track_id text PRIMARY KEY, name text, album_id text, duration_ms int, explicit bool, popularity int, isrc text)"  # noqa: E501


def rows(body: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the tracks of an album, or of a page of search results."""
    for track in body["tracks"]["items"]:
        album = track.get("album", body)["id"]
        isrc = track.get("external_ids", {}).get("isrc")
        yield (
            track["id"],
            track["name"],
            album,
            track["duration_ms"],
            track["explicit"],
            track.get("popularity"),
            isrc,
        )


def main() -> None:
    """Load all objects below the prefix."""
    given = json.loads(sys.argv[1])
    host = given["endpoint"].removeprefix("http://")
    pool = urllib3.PoolManager(maxsize=8)
    store = Minio(host, given["key"], given["secret"], secure=False, http_client=pool)

    def read(name: str) -> dict[str, Any]:
        response = store.get_object(given["bucket"], name)
        body: dict[str, Any] = orjson.loads(response.read())
        response.release_conn()
        return body

    names = [
        str(found.object_name)
        for found in store.list_objects(given["bucket"], given["prefix"], recursive=True)
        if not str(found.object_name).endswith("_manifest.json")
    ]
    update = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])
    with psycopg.connect(given["database"]) as conn, ThreadPoolExecutor(8) as threads:
        conn.execute("CREATE SCHEMA IF NOT EXISTS bare")
        conn.execute(TABLE)
        conn.execute("CREATE TEMP TABLE incoming (LIKE bare.track) ON COMMIT DROP")
        with conn.cursor().copy(f"COPY incoming ({', '.join(COLUMNS)}) FROM STDIN") as copy:
            for first in range(0, len(names), 64):
                for body in threads.map(read, names[first : first + 64]):
                    for row in rows(body):
                        copy.write_row(row)
        distinct = "SELECT DISTINCT ON (track_id) * FROM incoming"
        upsert = f"INSERT INTO bare.track {distinct} ON CONFLICT (track_id) DO UPDATE SET {update}"
        conn.execute(upsert.encode())


if __name__ == "__main__":
    main()
