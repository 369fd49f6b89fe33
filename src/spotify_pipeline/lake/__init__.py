"""The object store: zones, keys, manifests."""

from spotify_pipeline.lake.manifest import Manifest, MissingRecord, RawObject
from spotify_pipeline.lake.store import Lake, StoredObject

__all__ = ["Lake", "Manifest", "MissingRecord", "RawObject", "StoredObject"]
