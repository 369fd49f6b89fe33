"""Tests the tasks of a dbt project: ids, selectors and dependencies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.orchestration.dbt.manifest import DbtManifest, NodeTask

SOURCE = "source.p.staging.tracks"


def node(kind: str, name: str, *parents: str, folder: str = "staging", **more: Any) -> dict[str, Any]:
    return {
        "unique_id": f"{kind}.p.{name}",
        "resource_type": kind,
        "package_name": "p",
        "name": name,
        "fqn": ["p", folder, name],
        "depends_on": {"nodes": list(parents)},
        "config": {"enabled": True},
    } | more


def generic(name: str, kind: str, *parents: str, **kwargs: Any) -> dict[str, Any]:
    return node(
        "test",
        name,
        *parents,
        test_metadata={"name": kind, "kwargs": {"model": "{{ get_where_subquery(ref('a')) }}", **kwargs}},
        attached_node=parents[-1],
    )


def manifest(*nodes: dict[str, Any]) -> DbtManifest:
    """Return a manifest with a chain source → a → b → c → d, a model `other`, and the given nodes."""
    models = [
        node("model", "a", SOURCE),
        node("model", "b", "model.p.a"),
        node("model", "c", "model.p.b", "model.p.other"),
        node("model", "d", "model.p.c"),
        node("model", "other", SOURCE),
    ]
    source = node("source", "tracks", source_name="staging") | {"unique_id": SOURCE}
    return DbtManifest(
        {
            "metadata": {"project_name": "p"},
            "nodes": {found["unique_id"]: found for found in (*models, *nodes)},
            "sources": {SOURCE: source},
        }
    )


def task_of(found: dict[str, Any]) -> NodeTask:
    return manifest(found).tasks[found["unique_id"]]


@pytest.mark.parametrize(
    ("found", "task_id"),
    [
        (node("model", "x", folder="marts"), "marts.x.run"),
        (node("model", "x") | {"fqn": ["p", "x"]}, "models.x.run"),
        (node("model", "x") | {"fqn": ["p", "marts", "x", "v2"], "version": 2}, "marts.x_v2.run"),
        (node("model", "x") | {"package_name": "other", "fqn": ["other", "m", "x"]}, "other.x.run"),
        (node("seed", "x"), "seeds.x.seed"),
        (node("snapshot", "x"), "snapshots.x.snapshot"),
        (generic("unique_a_id", "unique", "model.p.a", column_name="id"), "staging.a.unique_id"),
        (
            generic("source_unique_staging_tracks_id", "unique", SOURCE, column_name="id"),
            "sources.staging_tracks.unique_id",
        ),
        (generic("adds_up", "holds", "model.p.a", expression="x > 0"), "staging.a.adds_up"),
        (node("test", "agree", "model.p.a", "model.p.b"), "staging.a.agree"),
        (node("test", "of_nothing"), "tests.of_nothing"),
        (
            generic(
                "relationships_b_id__id__ref_a_",
                "relationships",
                "model.p.a",
                "model.p.b",
                column_name="id",
                to="ref('a')",
                field="id",
            ),
            "staging.b.relationships_id__id__ref_a",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_task_id_has_layer_and_node(found: dict[str, Any], task_id: str) -> None:
    assert task_of(found).task_id == task_id


@pytest.mark.parametrize("name", ["from finance", "k\u00fcnstler", "x" * 300, "publish"])
def test_every_name_gives_an_id_that_airflow_accepts(name: str) -> None:
    found = task_of(node("model", name, folder=name))
    assert found.task_id.isascii()
    assert len(found.task_id) <= 250
    assert set(found.task_id) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
    assert found.groups[0] != "publish"


def test_an_id_does_not_depend_on_other_tests() -> None:
    one, other = (
        generic("holds_a_x_0", "holds", "model.p.a", expression=f"x {sign} 0")
        | {"unique_id": f"test.p.holds_a_x_0.{sign}"}
        for sign in (">", "<")
    )
    alone = manifest(one).tasks[one["unique_id"]].task_id
    together = manifest(one, other).tasks
    assert together[one["unique_id"]].task_id == alone
    assert together[other["unique_id"]].task_id != alone
    assert together[one["unique_id"]].twins == (other["unique_id"],)


def test_a_node_selects_itself_by_its_full_name() -> None:
    found = manifest(
        node("model", "staging") | {"fqn": ["p", "staging"]}, node("model", "x y", folder="from finance")
    )
    assert found.tasks["model.p.x y"].select == "fqn:p.from?finance.x?y"
    # named like a folder: the nodes in the folder would also be selected
    assert found.tasks["model.p.staging"].exclude == tuple(
        f"fqn:p.staging.{name}" for name in ("a", "b", "c", "d", "other")
    )


def test_names_that_differ_in_signs_are_distinguished() -> None:
    """A selector has `?` for a sign, which also matches a letter."""
    found = manifest(node("model", "x@"), node("model", "x+"), node("model", "xy"))
    one = found.tasks["model.p.x@"]
    assert one.select == found.tasks["model.p.x+"].select == "fqn:p.staging.x?"
    assert (one.twins, one.exclude) == (("model.p.x+",), ("fqn:p.staging.xy",))
    assert found.tasks["model.p.xy"].exclude == found.tasks["model.p.xy"].twins == ()


def test_names_with_dots_are_distinguished() -> None:
    """In a selector, dbt reads the part before a dot as a folder, and a source as three parts."""
    freshness = {"warn_after": {"count": 1, "period": "day"}}
    dotted = node("source", "b.c", source_name="s", freshness=freshness) | {"unique_id": "source.p.s.b.c"}
    found = manifest(
        node("model", "b.c"),
        node("model", "c") | {"fqn": ["p", "staging", "b", "c"]},
        node("model", "b"),
        dotted,
    )
    assert found.tasks["model.p.b.c"].select == "fqn:p.staging.b.c"
    assert found.tasks["model.p.b.c"].twins == ("model.p.c",)
    assert found.tasks["model.p.b"].exclude == ("fqn:p.staging.b.c",)
    assert found.tasks["source.p.s.b.c"].select == "source:p.s.b?c"


def test_nodes_below_all_models_of_a_test_wait_for_it() -> None:
    found = manifest(
        node("test", "own", "model.p.a"),
        node("test", "across", "model.p.a", "model.p.other"),
        node("test", "chain", "model.p.a", "model.p.b"),
        node("test", "last", SOURCE, "model.p.d"),
        node("test", "of_source", SOURCE),
    )
    waiting = {
        test: {key for key, task in found.tasks.items() if f"test.p.{test}" in task.upstream}
        for test in ("own", "across", "chain", "last", "of_source")
    }
    assert waiting == {
        "own": {"model.p.b"},
        "across": {"model.p.c"},
        "chain": {"model.p.c"},
        "last": set(),
        "of_source": {"model.p.a", "model.p.other"},
    }
    assert found.tasks["test.p.across"].upstream == {"model.p.a", "model.p.other"}


def test_an_ephemeral_model_has_no_task_but_keeps_its_edges() -> None:
    inline = node("model", "inline", "model.p.a", config={"materialized": "ephemeral"})
    found = manifest(
        inline,
        node("model", "after", "model.p.inline"),
        node("test", "of_inline", "model.p.inline", attached_node="model.p.inline"),
    )
    assert "model.p.inline" not in found.tasks
    assert found.tasks["model.p.after"].upstream == {"model.p.a", "test.p.of_inline"}
    assert found.tasks["test.p.of_inline"].upstream == {"model.p.a"}


def test_a_disabled_test_has_no_task_and_is_not_counted() -> None:
    gone = node("test", "gone", "model.p.a", config={"enabled": False})
    assert gone["unique_id"] not in manifest(gone).tasks
    assert manifest(gone).data_tests == frozenset()


def test_a_source_with_freshness_has_a_task() -> None:
    late = node("source", "late", source_name="s", freshness={"warn_after": {"count": 1, "period": "day"}})
    found = manifest()
    assert SOURCE not in found.tasks
    found = DbtManifest({**found.raw, "sources": {"source.p.late": late}})
    assert found.tasks["source.p.late"].task_id == "freshness.s_late"
    assert found.tasks["source.p.late"].select == "source:p.s.late"


def test_a_kind_of_node_without_a_task_is_refused() -> None:
    found = DbtManifest({**manifest().raw, "functions": {"function.p.f": {}}})
    with pytest.raises(ConfigurationError, match=r"function\.p\.f"):
        assert found.tasks


def test_a_snapshot_in_the_schema_of_the_marts_is_refused() -> None:
    inside = node("snapshot", "snap", "model.p.a", schema="marts")
    with pytest.raises(ConfigurationError, match=r"snapshot snap .* `schema: intermediate`"):
        assert manifest(inside).tasks
    assert "snapshot.p.snap" in manifest(inside | {"schema": "intermediate"}).tasks


@pytest.mark.parametrize("folder", ["publish", "announce", "watermark", "is_anything_new"])
def test_a_folder_may_be_named_like_a_task_of_the_dag(folder: str) -> None:
    assert task_of(node("model", "e", folder=folder)).task_id == f"{folder}_.e.run"


@pytest.mark.parametrize("content", [None, "{"], ids=["missing", "damaged"])
def test_a_manifest_that_cannot_be_read_names_the_command(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(
        ConfigurationError, match=r"manifest\.json is (missing|damaged): run `make dbt-manifest`"
    ):
        DbtManifest.read(path)
