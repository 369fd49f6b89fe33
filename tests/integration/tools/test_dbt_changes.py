"""The page on a change of the dbt project: a small project, and ours, built on a real Postgres."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack.dbt_manifest import OUTPUT_FOLDERS
from tools import dbt_changes
from tools.dbt_changes import Change, base_project, compare

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`first` and `second`, which reads it, and a test of `second`."""
    project = tmp_path_factory.mktemp("base") / "dbt"
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text("name: spotify\nprofile: spotify\nmodel-paths: [models]\n")
    shutil.copy(PROJECT_ROOT / "dbt" / "profiles.yml", project)
    (project / "models" / "first.sql").write_text("select 1 as id")
    (project / "models" / "second.sql").write_text("select id from {{ ref('first') }}")
    (project / "models" / "_models.yml").write_text(
        "models: [{name: second, columns: [{name: id, data_tests: [not_null]}]}]\n"
    )
    return project


def nothing(*_: object) -> None:
    """No row for staging: the small project reads none."""


def changed(base: Path, folder: Path, sql: str) -> Path:
    project = folder / "dbt"
    shutil.copytree(base, project)
    (project / "models" / "first.sql").write_text(sql)
    return project


def test_a_change_is_built_with_what_follows_from_it(base: Path, tmp_path: Path) -> None:
    change = compare(base, changed(base, tmp_path, "select 2 as id"), tmp_path, fill=nothing)
    assert change == Change(
        {"model": ["first"]}, {"model": ["second"], "test": ["not_null_second_id"]}, True, {}, []
    )
    page = change.markdown()
    assert "Building it on a scratch Postgres succeeded." in page
    assert "- model: `first`\n" in page
    assert "- model: `second`\n- test: 1\n" in page
    assert "No table is affected." in page, "both are views"


def test_a_change_that_breaks_what_follows_is_told(base: Path, tmp_path: Path) -> None:
    change = compare(base, changed(base, tmp_path, "select 2 as other_name"), tmp_path, fill=nothing)
    assert change.built is False
    assert change.data is None
    assert "**failed**" in change.markdown()


def test_no_change_builds_nothing(base: Path, tmp_path: Path) -> None:
    change = compare(base, changed(base, tmp_path, "select 1 as id"), tmp_path)
    assert change == Change({}, {}, None)
    assert change.markdown() == "The dbt project is the same.\n"
    assert not (tmp_path / "postgres").exists()


def test_a_model_that_is_gone_is_told(base: Path, tmp_path: Path) -> None:
    project = changed(base, tmp_path, "select 1 as id")
    (project / "models" / "second.sql").unlink()
    (project / "models" / "_models.yml").unlink()
    change = compare(base, project, tmp_path, fill=nothing)
    assert change == Change({}, {}, None, {"model": ["second"], "test": ["not_null_second_id"]})
    assert "**Removed**\n- model: `second`\n- test: 1\n" in change.markdown()


def test_what_becomes_of_the_marts_is_told_by_key(tmp_path: Path) -> None:
    """Another link for each recording: nothing else becomes different."""
    base, project = PROJECT_ROOT / "dbt", tmp_path / "dbt"
    shutil.copytree(base, project, ignore=shutil.ignore_patterns(*OUTPUT_FOLDERS))
    model = project / "models" / "marts" / "catalogue" / "dim_recording.sql"
    sql = model.read_text()
    assert "canonical.spotify_url," in sql
    model.write_text(sql.replace("canonical.spotify_url,", "upper(canonical.spotify_url) as spotify_url,"))

    change = compare(base, project, tmp_path)

    assert change.built
    assert change.data is not None
    [diff] = change.data
    assert (diff.table, diff.added, diff.removed) == ("dim_recording", 0, 0)
    assert diff.rows[0] == diff.rows[1] > 500
    assert diff.changes == {"spotify_url": diff.changed}
    assert 0 < diff.changed <= diff.rows[0]
    assert all(
        before.upper() == after for example in diff.examples for before, after in example.values.values()
    )
    assert f"- changed: `spotify_url` in {diff.changed} rows" in change.markdown()


def test_a_commit_that_git_does_not_know_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbt_changes, "PROJECT_ROOT", tmp_path)
    with pytest.raises(ConfigurationError, match="'no-such-commit' cannot be had from git"):
        base_project("no-such-commit", tmp_path)
