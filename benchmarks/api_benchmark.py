"""Compare the reader of the Web API with the fewest calls possible, and with a client that calls serially.

    python -m benchmarks.api_benchmark --tracks 2000 --latency 0.1

Both sides read the same artists of one sandbox, one after the other, in one process; every response of the
sandbox takes `--latency` seconds more. The fewest calls follow from the catalogue: each artist, the full
pages of its releases, each release once, and full pages of the tracks beyond its first 50. The other client
is a plain httpx one that keeps its connection: it gets a sample of the same pages, each after the other.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from datetime import date

import httpx

from spotify_pipeline.connections import SPOTIFY_API, ConnectionInfo
from spotify_pipeline.settings import Settings
from spotify_pipeline.sources import Source, SourceKind
from spotify_pipeline.spotify.client import ApiResponse, SpotifyClient
from spotify_pipeline.spotify.crawl import crawl
from spotify_pipeline.spotify.endpoints import ENDPOINTS, AppClass, Request, RequestKind
from spotify_sandbox.testing import RunningSandbox, running

DAY = date(2026, 11, 22)
GROUPS = ("album", "single", "compilation")
CALLS_GOAL = 1.02
SPEED_GOAL = 6.0


def fewest_calls(bodies: dict[Request, bytes], app_class: AppClass) -> int:
    """Return the fewest possible calls, computed from the totals in the responses."""
    listing = ENDPOINTS[RequestKind.ARTIST_ALBUMS].page_size(app_class)
    more = ENDPOINTS[RequestKind.ALBUM_TRACKS].page_size(app_class)
    calls = 0
    for request, body in bodies.items():
        document = json.loads(body)
        if request.kind is RequestKind.ARTIST:
            calls += 1
        elif request.kind is RequestKind.ARTIST_ALBUMS and document["offset"] == 0:
            calls += max(1, math.ceil(document["total"] / listing))
        elif request.kind is RequestKind.ALBUM:
            tracks = document["tracks"]
            calls += 1 + math.ceil((tracks["total"] - len(tracks["items"])) / more)
    return calls


def concurrent(
    sandbox: RunningSandbox, mode: AppClass, concurrency: int
) -> tuple[dict[Request, bytes], float]:
    """Read all artists of the sandbox with the project's reader; return the responses and the seconds."""
    connection = ConnectionInfo(
        SPOTIFY_API,
        login=sandbox.client_id,
        password=sandbox.client_secret,
        extra={"api_url": sandbox.api_url, "accounts_url": sandbox.accounts_url, "app_class": mode},
    )
    artists = tuple(artist_id for artist_id, _ in sandbox.control.catalog().artists)
    source = Source("benchmark", SourceKind.ARTIST, artists, GROUPS)
    bodies: dict[Request, bytes] = {}

    def keep(request: Request, response: ApiResponse) -> None:
        bodies[request] = response.body

    start = time.perf_counter()
    with SpotifyClient.from_connection(connection, Settings()) as client:
        result = crawl(client, source, partition=DAY, have=nothing_stored, keep=keep, concurrency=concurrency)
    seconds = time.perf_counter() - start
    if not result.complete or len(bodies) != len(result.requests):
        sys.exit(f"the crawl is not complete: {result.message}")
    return bodies, seconds


def nothing_stored(_: Request) -> None:
    """Return None: no response is stored before."""


def one_at_a_time(sandbox: RunningSandbox, requests: list[Request]) -> float:
    """Return the seconds that a plain client needs for these requests."""
    headers = {"Authorization": f"Bearer {sandbox.access_token()}"}
    with httpx.Client(headers=headers, trust_env=False) as client:
        start = time.perf_counter()
        for request in requests:
            client.get(sandbox.api_url + request.path, params=dict(request.params)).raise_for_status()
        return time.perf_counter() - start


def main() -> None:
    """Print both ratios; exit with status 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tracks", type=int, default=2000, help="size of the sandbox's catalogue")
    parser.add_argument("--latency", type=float, default=0.1, help="seconds added to every response")
    parser.add_argument("--pages", type=int, default=100, help="pages that the plain client gets")
    parser.add_argument("--mode", type=AppClass, default=AppClass.DEVELOPMENT, choices=list(AppClass))
    parser.add_argument("--concurrency", type=int, default=Settings().fetch_concurrency)
    arguments = parser.parse_args()
    with running(mode=arguments.mode, size=arguments.tracks, clock=f"{DAY}T06:00:00Z") as sandbox:
        sandbox.control.add_fault("latency", seconds=arguments.latency, path="^/v1/", times=None)
        bodies, seconds = concurrent(sandbox, arguments.mode, arguments.concurrency)
        made = sandbox.control.calls().api_total
        pages = list(bodies)[:: max(1, len(bodies) // arguments.pages)]
        plain_seconds = one_at_a_time(sandbox, pages)
    fewest = fewest_calls(bodies, arguments.mode)
    speed, plain_speed = len(bodies) / seconds, len(pages) / plain_seconds
    calls_ratio, speed_ratio = made / fewest, speed / plain_speed
    print(f"calls   {made:6d} made, {fewest:6d} at the least: {calls_ratio:.3f} (goal: at most {CALLS_GOAL})")
    print(
        f"pages   {speed:6.1f} a second, {plain_speed:6.1f} one at a time: {speed_ratio:.1f} times "
        f"(goal: at least {SPEED_GOAL:g}; {arguments.concurrency} at once, {arguments.latency:g} s latency)"
    )
    if calls_ratio > CALLS_GOAL or speed_ratio < SPEED_GOAL:
        sys.exit("a goal is missed")


if __name__ == "__main__":
    main()
