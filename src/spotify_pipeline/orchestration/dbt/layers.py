"""Merges layers of dbt nodes that wait for each other, since Airflow cannot show their groups."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter


def groups_of_layers(layers: Mapping[str, str], upstream: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Return the name of the task group of each layer.

    A group waits for what its first tasks wait for, those without an upstream task in the group. Groups can
    wait for each other in a circle, which tasks never do. Then Airflow's grid and graph show an error instead
    of the DAG. The layers of a circle are therefore one group, with the names of all.

    Args:
        layers: Layer of each task.
        upstream: Tasks for which each task waits.
    """
    groups = {layer: frozenset({layer}) for layer in layers.values()}
    while True:
        waits: dict[frozenset[str], set[frozenset[str]]] = {group: set() for group in groups.values()}
        for task, layer in layers.items():
            above = {groups[layers[other]] for other in upstream[task]}
            if groups[layer] not in above:
                waits[groups[layer]] |= above
        try:
            TopologicalSorter(waits).prepare()
        except CycleError as error:
            merged = frozenset().union(*error.args[1])
            groups |= dict.fromkeys(merged, merged)
        else:
            return {layer: "-".join(sorted(group)) for layer, group in groups.items()}
