"""Tests of the page about a change of the dbt project, for a small project and the real one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.settings import DBT_OUTPUT_FOLDERS, PROJECT_ROOT
from tools import dbt_changes
from tools.dbt_changes import Change, base_project, compare

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with model `first`, model `second` that reads it, and a test of `second`."""
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
    """Insert nothing into staging, since the small project reads nothing from it."""


def write_change(base: Path, folder: Path, sql: str) -> Path:
    project = folder / "dbt"
    shutil.copytree(base, project)
    (project / "models" / "first.sql").write_text(sql)
    return project


def test_a_change_is_built_with_its_descendants(base: Path, tmp_path: Path) -> None:
    change = compare(base, write_change(base, tmp_path, "select 2 as id"), tmp_path, fill=nothing)
    assert change == Change(
        {"model": ["first"]}, {"model": ["second"], "test": ["not_null_second_id"]}, True, {}, []
    )
    page = change.markdown()
    assert "Building it on a scratch Postgres succeeded." in page
    assert "- model: `first`\n" in page
    assert "- model: `second`\n- test: 1\n" in page
    assert "No table is affected." in page, "both are views"


def test_a_change_that_breaks_a_descendant_is_reported(base: Path, tmp_path: Path) -> None:
    change = compare(base, write_change(base, tmp_path, "select 2 as other_name"), tmp_path, fill=nothing)
    assert change.built is False
    assert change.data is None
    assert "**failed**" in change.markdown()


def test_no_change_builds_nothing(base: Path, tmp_path: Path) -> None:
    change = compare(base, write_change(base, tmp_path, "select 1 as id"), tmp_path)
    assert change == Change({}, {}, None)
    assert change.markdown() == "The dbt project is the same.\n"
    assert not (tmp_path / "postgres").exists()


def test_a_removed_model_is_reported(base: Path, tmp_path: Path) -> None:
    project = write_change(base, tmp_path, "select 1 as id")
    (project / "models" / "second.sql").unlink()
    (project / "models" / "_models.yml").unlink()
    change = compare(base, project, tmp_path, fill=nothing)
    assert change == Change({}, {}, None, {"model": ["second"], "test": ["not_null_second_id"]})
    assert "**Removed**\n- model: `second`\n- test: 1\n" in change.markdown()


def test_changed_rows_of_marts_are_reported_by_key(tmp_path: Path) -> None:
    """A change of the link of each recording changes no other column."""
    base, project = PROJECT_ROOT / "dbt", tmp_path / "dbt"
    shutil.copytree(base, project, ignore=shutil.ignore_patterns(*DBT_OUTPUT_FOLDERS))
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


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with one commit, since the project itself may be an unpacked archive."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path / "repository"
    (folder / "dbt").mkdir(parents=True)
    (folder / "dbt" / "dbt_project.yml").write_text("name: spotify\n")
    # without the user's git settings: no hooks, no signing, no repository of a parent process
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for command in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "-m", "first"]):
        subprocess.run(["git", *command], cwd=folder, check=True)  # noqa: S603, S607
    monkeypatch.setattr(dbt_changes, "PROJECT_ROOT", folder)
    return folder


def test_the_project_of_a_commit_is_unpacked(repository: Path, tmp_path: Path) -> None:
    (repository / "dbt" / "dbt_project.yml").write_text("name: changed since\n")
    project = base_project("HEAD", tmp_path / "base")
    assert (project / "dbt_project.yml").read_text() == "name: spotify\n"


@pytest.mark.usefixtures("repository")
def test_the_error_for_an_unknown_commit_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'no-such-commit' cannot be read from git"):
        base_project("no-such-commit", tmp_path)


def test_a_folder_without_a_repository_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbt_changes, "PROJECT_ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(ConfigurationError, match="'HEAD' cannot be read from git"):
        base_project("HEAD", tmp_path)


def test_a_machine_without_git_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="git is not installed"):
        base_project("HEAD", tmp_path)
