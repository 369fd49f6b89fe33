"""One source, as the user defined it."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from enum import StrEnum

from spotify_pipeline.spotify.endpoints import ENDPOINTS, AppClass, RequestKind

DEFAULT_INCLUDE_GROUPS = ("album", "single")
DEFAULT_TYPES = ("track",)
DEFAULT_MAX_RESULTS = 100

RELEASES_PER_ARTIST = 25
"""Albums and singles that an artist is taken to have, for estimates only."""


class SourceKind(StrEnum):
    """What a source lists."""

    ARTIST = "artist"
    ALBUM = "album"
    SEARCH = "search"


@dataclass(frozen=True)
class Source:
    """A named entry of sources.yml. Fields of other kinds than its own are empty (`max_results` 0).

    ids: 22 base62 characters each, in the order of the file. max_results: per query and type. line: where the
    entry starts in sources.yml.
    """

    name: str
    kind: SourceKind
    ids: tuple[str, ...] = ()
    include_groups: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    max_results: int = 0
    line: int = 0

    @property
    def definition_sha256(self) -> str:
        """Hash of what the source means: not of its name, line, or the order and notation of its entries."""
        meaning = {
            "kind": self.kind.value,
            "ids": sorted(self.ids),
            "include_groups": sorted(self.include_groups),
            "queries": sorted(self.queries),
            "types": sorted(self.types),
            "max_results": self.max_results,
        }
        text = json.dumps(meaning, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def estimated_calls(self, app_class: AppClass) -> int:
        """Calls that a whole crawl is expected to take; for balance and plans, no bound."""
        if self.kind is SourceKind.ARTIST:
            page = ENDPOINTS[RequestKind.ARTIST_ALBUMS].page_size(app_class)
            return len(self.ids) * (1 + math.ceil(RELEASES_PER_ARTIST / page) + RELEASES_PER_ARTIST)
        if self.kind is SourceKind.ALBUM:
            return len(self.ids)
        page = ENDPOINTS[RequestKind.SEARCH].page_size(app_class)
        return len(self.queries) * len(self.types) * math.ceil(self.max_results / page)
