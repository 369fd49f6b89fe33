"""Copies of what a pipeline has written to warehouse and store, for later tests."""

from __future__ import annotations

from collections.abc import Callable

from spotify_pipeline.lake.store import StoredObject
from spotify_stack.postgres import PostgresServer
from tests.integration import databases
from tests.integration.pipeline import Pipeline


class Snapshots:
    """Copies of databases and objects: copying a day takes a tenth of the time of running it."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._objects: dict[str, list[StoredObject]] = {}

    def once(self, name: str, pipeline: Pipeline, run: Callable[[], object]) -> None:
        """Call `run` for the first pipeline of a name, and copy the result for later ones.

        The sandbox is not part of a snapshot: set its clock, users and call log afterwards.
        """
        database = str(pipeline.runtime.lookup("warehouse_owner").schema)
        if name in self._objects:
            databases.copy(self._server, f"snapshot {name}", database)
            for kept in self._objects[name]:
                pipeline.lake.put(kept.key, kept.data, metadata=kept.metadata)
        else:
            run()
            databases.copy(self._server, database, f"snapshot {name}")
            self._objects[name] = [pipeline.lake.get(key) for key in pipeline.lake.keys("")]
