"""Distributes sources over task groups of about equal cost."""

from __future__ import annotations

from collections.abc import Sequence

from spotify_pipeline.sources.model import Source
from spotify_pipeline.spotify.endpoints import AppClass


def group_sources(
    sources: Sequence[Source], n: int, app_class: AppClass = AppClass.DEVELOPMENT
) -> list[list[Source]]:
    """Return at most `n` groups of whole sources, none empty; the order of `sources` does not matter.

    Sources are taken in order of falling cost, and each goes to the group that is cheapest so far. Groups and
    their members are sorted by name.

    Raises:
        ValueError: `n` is below one.
    """
    if n < 1:
        raise ValueError(f"sources cannot be put into {n} groups")
    groups: list[list[Source]] = [[] for _ in range(min(n, len(sources)))]
    costs = [0] * len(groups)
    for source in sorted(sources, key=lambda s: (-s.estimated_calls(app_class), s.name)):
        cheapest = costs.index(min(costs))
        groups[cheapest].append(source)
        # a source without calls counts as one, or all of them would share a group
        costs[cheapest] += max(1, source.estimated_calls(app_class))
    for group in groups:
        group.sort(key=lambda s: s.name)
    return sorted(groups, key=lambda group: group[0].name)
