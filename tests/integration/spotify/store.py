"""A store of one partition's raw objects in memory."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from spotify_pipeline.sources import Source
from spotify_pipeline.spotify.client import ApiResponse, SpotifyClient
from spotify_pipeline.spotify.crawl import CrawlResult, StoredBody, crawl
from spotify_pipeline.spotify.endpoints import Request

TODAY = date(2026, 11, 22)


@dataclass
class Store:
    """Raw objects of one partition; with `jitter`, storing one takes a random time."""

    bodies: dict[Request, bytes] = field(default_factory=dict)
    kept: list[Request] = field(default_factory=list)
    jitter: random.Random | None = None

    def have(self, request: Request) -> StoredBody | None:
        body = self.bodies.get(request)
        return None if body is None else StoredBody(body)

    def keep(self, request: Request, response: ApiResponse) -> None:
        assert (request.path, request.params) == (response.path, response.params)
        if self.jitter:
            time.sleep(self.jitter.random() / 200)
        assert request not in self.bodies, "the response was stored twice"
        self.bodies[request] = response.body
        self.kept.append(request)

    def crawl(self, client: SpotifyClient, source: Source, **options: Any) -> CrawlResult:
        given: dict[str, Any] = {"partition": TODAY, "concurrency": 4} | options
        return crawl(client, source, have=self.have, keep=self.keep, **given)

    def items(self, result: CrawlResult) -> list[Any]:
        """Return the items of all pages in the result's order."""
        pages = [json.loads(self.bodies[request]) for request in result.requests]
        return [item for page in pages for item in page.get("items", [])]
