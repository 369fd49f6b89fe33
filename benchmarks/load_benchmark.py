"""Time the load of a partition into an empty warehouse, its repetition, and the next day's.

    AIRFLOW_CONN_WAREHOUSE_INGEST=… python benchmarks/load_benchmark.py --tracks 50000

It writes to the warehouse it is pointed at: use one that holds nothing dear. Tracks come as album pages do,
50 to an album, each album with a stub of its artist; so 50,000 tracks are 1,000 albums and 500 artists.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from spotify_pipeline.connections import WAREHOUSE_INGEST, from_environment
from spotify_pipeline.contract.observations import FULL, SIMPLIFIED, Groups, Observation
from spotify_pipeline.warehouse import lease
from spotify_pipeline.warehouse.load import load_partition

SOURCE = "benchmark"


def observations(tracks: int, day: date) -> Iterator[Observation]:
    """Yield the observations of one day: full albums, their tracks with details, stubs of the artists."""
    observed_at = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
    for album in range(tracks // 50):
        raw_key = f"raw/ingest_date={day}/source={SOURCE}/album-{album:06d}.json"
        album_id, artist_id = f"album{album:017d}", f"artist{album // 2:016d}"
        listing = {
            "name": f"Album {album}",
            "album_type": "album",
            "total_tracks": 50,
            "release_date_raw": "2020-01-31",
            "release_date_precision": "day",
            "artist_ids": [artist_id],
            "image_url": f"https://i.scdn.co/image/{album}",
        }
        groups: Groups = {"listing": listing, "detail": {"upc": f"{album:012d}"}}
        yield Observation("album", album_id, FULL, observed_at, raw_key, groups)
        for number in range(1, 51):
            listing = {
                "name": f"Track {number} of album {album}",
                "album_id": album_id,
                "artist_ids": [artist_id],
                "track_number": number,
                "disc_number": 1,
                "duration_ms": 200_000 + number,
                "explicit": False,
            }
            groups = {
                "listing": listing,
                "playability": {"is_playable": True},
                "detail": {"isrc": f"QZ{album:06d}{number:04d}"},
                "popularity": {"popularity": (album + number) % 101},
            }
            track_id = f"track{album:013d}{number:04d}"
            yield Observation("track", track_id, FULL, observed_at, raw_key, groups)
        stub: Groups = {"listing": {"name": f"Artist {album // 2}"}}
        yield Observation("artist", artist_id, SIMPLIFIED, observed_at, raw_key, stub, stub=True)


def main() -> None:
    """Load three times and print seconds and counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tracks", type=int, default=50_000)
    parser.add_argument("--from", dest="first", type=date.fromisoformat, default=date(2026, 11, 1))
    arguments = parser.parse_args()
    info = from_environment(WAREHOUSE_INGEST)
    next_day = arguments.first + timedelta(days=1)
    for what, day in (("first", arguments.first), ("repeated", arguments.first), ("next day", next_day)):
        held = lease.acquire(info, "load", day, SOURCE, "benchmark")
        start = time.perf_counter()
        stream = observations(arguments.tracks, day)
        outcome = load_partition(info, day, SOURCE, stream, lease=held, run_id="benchmark", try_number=1)
        print(f"{what:9} {time.perf_counter() - start:6.2f} s  {outcome.tables['staging.tracks']}")


if __name__ == "__main__":
    main()
