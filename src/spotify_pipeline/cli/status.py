"""What `spotify-pipeline status` says of the newest partitions."""

from __future__ import annotations

from datetime import UTC

from rich.table import Table

from spotify_pipeline.connections import WAREHOUSE_READER, ConnectionInfo, ConnectionLookup
from spotify_pipeline.errors import ConnectionMissing
from spotify_pipeline.warehouse.connection import connect, naming_the_server
from spotify_pipeline.warehouse.progress import Progress, newest_partitions

_HEADINGS = {"quarantined": "quar.", "duplicates": "dupl.", "set_aside": "aside"}
_SHOWN = 3
"""Sources that are not complete, of one partition; the others are counted."""


def reader_of(lookup: ConnectionLookup) -> ConnectionInfo | None:
    """The warehouse to look at, None where no connection is defined.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return lookup(WAREHOUSE_READER)
    except ConnectionMissing:
        return None


def read_progress(reader: ConnectionInfo) -> list[Progress]:
    """The newest partitions, newest first.

    Raises:
        WarehouseUnavailable, ConfigurationError: the warehouse cannot be read.
    """
    with naming_the_server(reader), connect(reader, autocommit=True) as conn:
        return newest_partitions(conn)


def progress_table(found: list[Progress]) -> Table:
    """One row a partition."""
    counts = ("fetched", "loaded", "quarantined", "duplicates", "set_aside")
    # narrow, so that a terminal of 80 columns cuts nothing off
    table = Table(padding=(0, 1, 0, 0), box=None)
    table.add_column("partition", no_wrap=True)
    table.add_column("sources", justify="right", no_wrap=True)
    for name in counts:
        table.add_column(_HEADINGS.get(name, name), justify="right", no_wrap=True)
    table.add_column("adds up")
    table.add_column("published, tests", no_wrap=True)
    for progress in found:
        at = progress.published_at
        table.add_row(
            str(progress.partition),
            _sources(progress),
            *(f"{getattr(progress, name):,}" for name in counts),
            "yes" if progress.adds_up else "[red]no[/]",
            f"{at.astimezone(UTC):%m-%d %H:%M}, {progress.tests_passed}" if at else "not yet",
        )
    return table


def unfinished_lines(found: list[Progress]) -> list[str]:
    """A line for each source that is not complete, with its reason."""
    lines = []
    for progress in found:
        sources = list(progress.unfinished.items())
        lines += [
            f"{progress.partition} {source}: {status}: {message}"
            for source, (status, message) in sources[:_SHOWN]
        ]
        if len(sources) > _SHOWN:
            lines.append(f"{progress.partition}: {len(sources) - _SHOWN} more sources are not complete")
    return lines


def _sources(progress: Progress) -> str:
    """How many are complete; `unfinished_lines` says what the others are."""
    if not progress.unfinished:
        return str(progress.complete)
    colour = "red" if progress.number("failed") else "yellow"
    return f"[{colour}]{progress.complete} of {progress.complete + len(progress.unfinished)}[/]"
