"""Reads and checks sources.yml, the list of what is fetched."""

from spotify_pipeline.sources.grouping import group_sources
from spotify_pipeline.sources.loader import load_sources
from spotify_pipeline.sources.model import Source, SourceKind
from spotify_pipeline.sources.readable import check_readable

__all__ = ["Source", "SourceKind", "check_readable", "group_sources", "load_sources"]
