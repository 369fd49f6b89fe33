"""Task groups as Airflow's pages sort them."""

from __future__ import annotations

from airflow.sdk import TaskGroup


def sort_all(group: TaskGroup) -> None:
    """Sort the groups of each level as Airflow's grid does; it raises ValueError if they form a circle."""
    group.topological_sort()
    for child in group.children.values():
        if isinstance(child, TaskGroup):
            sort_all(child)
