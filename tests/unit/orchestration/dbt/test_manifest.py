"""What the wiring reads from dbt's manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.orchestration.dbt.manifest import LABEL_LENGTH, DbtManifest

SOURCE = "source.spotify.staging.tracks"


def node(kind: str, name: str, *parents: str, **more: Any) -> dict[str, Any]:
    return {"resource_type": kind, "name": name, "depends_on": {"nodes": list(parents)}} | more


def generic(name: str, test: str, *parents: str, column: str | None = None, **more: Any) -> dict[str, Any]:
    return node("test", name, *parents, test_metadata={"name": test}, column_name=column, **more)


def manifest(**nodes: dict[str, Any]) -> DbtManifest:
    """A chain source → a → b → c, `other` beside it, and the given tests."""
    models = {
        "model.spotify.a": node("model", "a", SOURCE),
        "model.spotify.b": node("model", "b", "model.spotify.a"),
        "model.spotify.c": node("model", "c", "model.spotify.b", "model.spotify.other"),
        "model.spotify.d": node("model", "d", "model.spotify.c"),
        "model.spotify.other": node("model", "other", SOURCE),
    }
    tests = {
        f"test.spotify.{name}": test | {"unique_id": f"test.spotify.{name}"} for name, test in nodes.items()
    }
    return DbtManifest(
        {"nodes": models | tests, "sources": {SOURCE: {"source_name": "staging", "name": "tracks"}}}
    )


def labels(found: DbtManifest) -> set[str]:
    return {test.label for test in found.data_tests.values()}


@pytest.mark.parametrize(
    ("test", "label"),
    [
        (generic("unique_a_id", "unique", "model.spotify.a", column="id"), "unique_id"),
        (generic("source_unique_staging_tracks_id", "unique", SOURCE, column="id"), "unique_id"),
        (generic("combination_a_x__y", "combination", "model.spotify.a"), "combination"),
        (generic("adds_up", "holds", "model.spotify.a"), "adds_up"),
        (node("test", "counts_agree", "model.spotify.a", "model.spotify.b"), "counts_agree"),
        (
            generic(
                "relationships_b_id__id__ref_a_",
                "relationships",
                "model.spotify.a",
                "model.spotify.b",
                column="id",
                attached_node="model.spotify.b",
            ),
            "b_id_in_a",
        ),
    ],
    ids=["column", "source", "no column", "named by its author", "singular", "relationship"],
)
def test_a_label_says_what_is_tested(test: dict[str, Any], label: str) -> None:
    assert labels(manifest(it=test)) == {label}


def test_two_tests_that_would_be_labelled_alike_keep_their_names() -> None:
    found = manifest(
        low=generic("in_range_a_x__0", "in_range", "model.spotify.a", column="x"),
        high=generic("in_range_a_x__9", "in_range", "model.spotify.a", column="x"),
    )

    assert labels(found) == {"in_range_a_x__0", "in_range_a_x__9"}


def test_a_long_label_is_cut_and_stays_its_own() -> None:
    found = manifest(
        one=node("test", "x" * 200 + "one", "model.spotify.a"),
        two=node("test", "x" * 200 + "two", "model.spotify.a"),
    )

    assert len(labels(found)) == 2
    assert {len(label) for label in labels(found)} == {LABEL_LENGTH}


def test_a_test_of_several_parents_blocks_their_common_children() -> None:
    found = manifest(
        across=node("test", "across", "model.spotify.a", "model.spotify.other"),
        chain=node("test", "chain", "model.spotify.a", "model.spotify.b"),
        last=node("test", "last", SOURCE, "model.spotify.d"),
    )
    held = {test.name: found.held_back_by(test) for test in found.tests_of_several}

    assert held == {"across": {"model.spotify.c"}, "chain": {"model.spotify.c"}, "last": set()}


def test_tests_of_one_parent_are_kept_by_it() -> None:
    found = manifest(
        one=node("test", "b_first", "model.spotify.a"),
        two=node("test", "a_second", "model.spotify.a"),
        both=node("test", "both", "model.spotify.a", "model.spotify.b"),
    )

    assert {parent: [test.name for test in tests] for parent, tests in found.tests_of_one.items()} == {
        "model.spotify.a": ["a_second", "b_first"]
    }


@pytest.mark.parametrize("content", [None, "{"], ids=["missing", "damaged"])
def test_a_manifest_that_cannot_be_read_names_the_command(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(
        ConfigurationError, match=r"manifest\.json is (missing|damaged): run `make dbt-manifest`"
    ):
        DbtManifest.read(path)
