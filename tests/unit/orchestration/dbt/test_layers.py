"""Tests that layers which wait for each other become one group."""

from __future__ import annotations

from spotify_pipeline.orchestration.dbt.layers import groups_of_layers


def test_layers_in_a_row_keep_their_names() -> None:
    layers = {"s1": "staging", "s2": "staging", "m1": "marts", "m2": "marts"}
    # m2 follows m1, so that only m1 is a first task of its group
    upstream = {"s1": (), "s2": ("m2",), "m1": ("s1",), "m2": ("m1",)}
    assert groups_of_layers(layers, {**upstream, "s2": ("s1", "m2")}) == {
        "staging": "staging",
        "marts": "marts",
    }


def test_layers_in_a_circle_are_one_group() -> None:
    layers = {"a1": "a", "b1": "b", "a2": "a", "c": "after", "d": "before"}
    upstream = {"a1": ("d",), "b1": ("a1",), "a2": ("b1",), "c": ("a2",), "d": ()}
    groups = groups_of_layers(layers, upstream)
    assert groups == {"a": "a-b", "b": "a-b", "after": "after", "before": "before"}


def test_a_circle_through_a_merged_group_is_merged_too() -> None:
    layers = {"a1": "a", "b1": "b", "a2": "a", "c1": "c", "b2": "b", "c2": "c"}
    upstream = {"a1": (), "b1": ("a1",), "a2": ("b1",), "c1": ("b1",), "b2": ("c1",), "c2": ("a2",)}
    assert set(groups_of_layers(layers, upstream).values()) == {"a-b-c"}
