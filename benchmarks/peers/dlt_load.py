"""Read raw responses from the store and merge their tracks into one table with dlt.

    build/peers/dlt/bin/python benchmarks/peers/dlt_load.py '{"endpoint": …}'

dlt is set up for speed, as its own guide on performance advises: orjson, parallel resources, larger buffers,
no tables for nested lists, `upsert` as the way to merge. It runs in an environment of its own.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any


def main() -> None:
    """Load all objects below the prefix."""
    given = json.loads(sys.argv[1])
    os.environ |= {
        "DATA_WRITER__BUFFER_MAX_ITEMS": "20000",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        "NORMALIZE__WORKERS": "1",
    }
    import dlt  # noqa: PLC0415 - the settings above must come first
    import orjson  # noqa: PLC0415
    from dlt.sources.filesystem import filesystem  # noqa: PLC0415

    credentials = {
        "aws_access_key_id": given["key"],
        "aws_secret_access_key": given["secret"],
        "endpoint_url": given["endpoint"],
        "region_name": "us-east-1",
    }
    files = filesystem(
        bucket_url=f"s3://{given['bucket']}/{given['prefix']}",
        credentials=credentials,
        file_glob="*[0-9a-f].json",
        files_per_page=100,
    )

    @dlt.transformer(parallelized=True, name="track")  # type: ignore[untyped-decorator]
    def tracks(items: list[Any]) -> Iterator[list[dict[str, Any]]]:
        for item in items:
            if item["file_name"].endswith("_manifest.json"):
                continue
            body = orjson.loads(item.read_bytes())
            yield [
                {
                    "track_id": track["id"],
                    "name": track["name"],
                    "album_id": track.get("album", body)["id"],
                    "artist_ids": [artist["id"] for artist in track["artists"]],
                    "track_number": track["track_number"],
                    "disc_number": track["disc_number"],
                    "duration_ms": track["duration_ms"],
                    "explicit": track["explicit"],
                    "popularity": track.get("popularity"),
                    "isrc": track.get("external_ids", {}).get("isrc"),
                }
                for track in body["tracks"]["items"]
            ]

    resource = files | tracks
    resource.apply_hints(
        primary_key="track_id",
        write_disposition={"disposition": "merge", "strategy": "upsert"},
        columns={"artist_ids": {"data_type": "json"}},
    )
    resource.max_table_nesting = 0
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "peer",
            pipelines_dir=folder,
            destination=dlt.destinations.postgres(given["database"]),
            dataset_name="dlt_peer",
        )
        pipeline.run(resource)


if __name__ == "__main__":
    main()
