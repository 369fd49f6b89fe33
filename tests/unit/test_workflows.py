"""Tests the workflows: least privilege, pinned actions, and every check is a target of `make`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z.][\w.-]*):", MAKEFILE, re.MULTILINE))


def read(path: Path) -> dict[Any, Any]:
    document: dict[Any, Any] = yaml.safe_load(path.read_text())
    return document


def jobs() -> list[tuple[str, dict[str, Any]]]:
    return [(f"{path.stem}.{name}", job) for path in WORKFLOWS for name, job in read(path)["jobs"].items()]


def steps(job: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = job.get("steps", [])
    return found


def made(text: str) -> set[str]:
    """Return the make targets in a script."""
    calls = re.findall(r"\bmake ((?:[\w.=$\"-]+ ?)+)", text)
    words = [word for call in calls for word in call.split()]
    return {word for word in words if re.fullmatch(r"[a-z.][\w.-]*", word)}


def test_zizmor_finds_nothing() -> None:
    zizmor = str(Path(sys.executable).parent / "zizmor")
    done = subprocess.run(  # noqa: S603 - our own command line
        [zizmor, "--offline", "--no-progress", str(GITHUB)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = str(Path(sys.executable).parent / "hadolint")
    done = subprocess.run(  # noqa: S603 - our own command line
        [hadolint, "--failure-threshold", "style", str(ROOT / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    "path", [*WORKFLOWS, GITHUB / "actions/deploy/action.yml"], ids=lambda path: path.stem
)
def test_foreign_actions_are_pinned_by_commit_with_release(path: Path) -> None:
    for line in re.findall(r"uses: (.+)", path.read_text()):
        if not line.startswith("$/"):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


@pytest.mark.parametrize(("name", "job"), jobs(), ids=[name for name, _ in jobs()])
def test_job_has_a_time_limit_and_only_its_rights(name: str, job: dict[str, Any]) -> None:
    assert 0 < job["timeout-minutes"] <= 60
    may_write = {scope for scope, right in job.get("permissions", {}).items() if right == "write"}
    allowed = {
        "ci.comment": {"pull-requests"},
        "faults.report": {"issues"},
        "release.image": {"attestations", "id-token", "packages"},
        "release.release": {"contents"},
    }
    assert may_write == allowed.get(name, set())
    for step in steps(job):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_may_only_read_by_default(path: Path) -> None:
    document = read(path)
    assert document["permissions"] in ({}, {"contents": "read"})
    assert document["concurrency"]["group"]
    # PyYAML follows YAML 1.1, in which `on` is true
    assert not {"pull_request_target", "workflow_run"} & set(document[True])


def test_comment_job_runs_no_code_of_the_pull_request() -> None:
    job = read(GITHUB / "workflows/ci.yml")["jobs"]["comment"]
    assert not [
        step for step in steps(job) if "checkout" in step.get("uses", "") or "make" in step.get("run", "")
    ]
    assert "head.repo.full_name == github.repository" in job["if"]


def test_secrets_reach_only_jobs_behind_an_environment() -> None:
    for name, job in jobs():
        text = yaml.safe_dump(job)
        if "secrets." in text:
            assert name in {"deploy.staging", "deploy.production"}
            assert job["environment"] == name.partition(".")[2]


def test_production_follows_staging_in_its_own_environment() -> None:
    deploy = read(GITHUB / "workflows/deploy.yml")["jobs"]
    assert "staging" in deploy["production"]["needs"]
    ours, theirs = (yaml.safe_dump(deploy[name]["steps"]) for name in ("staging", "production"))
    assert ours.replace("environment: staging", "environment: production") == theirs
    assert read(GITHUB / "workflows/deploy.yml")["concurrency"]["cancel-in-progress"] is False


def test_only_a_commit_with_green_checks_is_deployed() -> None:
    deploy = read(GITHUB / "workflows/deploy.yml")["jobs"]
    assert all("checks" in deploy[name]["needs"] for name in ("staging", "production"))
    [step] = steps(deploy["checks"])
    assert "--workflow ci.yml" in step["run"]
    for name in ("staging", "production"):
        [checkout] = [step for step in steps(deploy[name]) if "checkout" in step["uses"]]
        assert checkout["with"]["ref"] == "${{ needs.checks.outputs.commit }}"


def test_the_released_image_is_signed_and_lists_its_packages() -> None:
    release = read(GITHUB / "workflows/release.yml")["jobs"]
    assert release["release"]["needs"] == "image"
    build, signature = steps(release["image"])[1:]
    assert "--sbom=true" in build["run"]
    assert signature["with"]["subject-digest"] == "${{ steps.image.outputs.digest }}"
    deployed = (GITHUB / "actions/deploy/action.yml").read_text()
    assert deployed.index("gh attestation verify") < deployed.index("helm upgrade")


def test_every_supported_python_is_tested() -> None:
    matrix = read(GITHUB / "workflows/ci.yml")["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert matrix == ["3.11", "3.12", "3.13"]
    assert '">=3.11,<3.14"' in (ROOT / "pyproject.toml").read_text()


def test_make_ci_runs_every_check_of_the_workflow() -> None:
    called: set[str] = set()
    for job in read(GITHUB / "workflows/ci.yml")["jobs"].values():
        suites = job.get("strategy", {}).get("matrix", {}).get("suite", [])
        called |= made("\n".join(step.get("run", "") for step in steps(job))) | set(suites)
    assert {
        "lint",
        "types",
        "test",
        "test-slow-servers",
        "test-slow-e2e",
        "audit",
        "workflows",
        "dags",
        "dbt-changes",
        "image",
        "demo",
    } <= called
    assert called <= TARGETS
    recipe = MAKEFILE.split("\nci: ")[1].split("\n.PHONY")[0].replace("$(MAKE)", "make")
    # coverage reports and checks nothing; its tests run in `make test`
    assert called - {".venv", "coverage"} <= made(recipe)


@pytest.mark.parametrize(
    ("paths", "mode"),
    [
        ([], "none"),
        (["README.md", "docs/a.md", "tests/unit/x.py", ".github/x.yml"], "none"),
        (["dags/spotify_ingest.py", "docs/a.md"], "dags"),
        (["include/sources.yml"], "image"),
        (["include/sources.yml", "dbt/models/marts/dim_track.sql"], "image"),
        (["include/sources.yml", "dags/spotify_ingest.py"], "full"),
        (["dbt/models/marts/dim_track.sql"], "image"),
        (["dbt/models/marts/dim_track.sql", "dags/spotify_transform.py"], "full"),
        (["src/spotify_pipeline/cli/main.py", "dags/spotify_ingest.py"], "full"),
        (["requirements.txt"], "full"),
        (["a name with spaces"], "full"),
    ],
)
def test_deployment_is_as_small_as_the_change(tmp_path: Path, paths: list[str], mode: str) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)  # noqa: S603
        return done.stdout.strip()

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "deployed")
    deployed = git("rev-parse", "HEAD")
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    git("add", ".")
    git("commit", "--quiet", "--allow-empty", "--message", "new")

    def printed(commit: str) -> str:
        command = [str(GITHUB / "deploy-mode.sh"), commit, "HEAD"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout  # noqa: S603

    assert printed(deployed) == f"{mode}\n"
    assert {printed(""), printed("0" * 40)} == {"full\n"}, "the deployed commit is not known"


@pytest.mark.parametrize(
    ("states", "commit"),
    [
        ([], ""),
        (["IN_PROGRESS"], ""),
        (["IN_PROGRESS", "ACTIVE", "INACTIVE"], "1"),
        # v1.1 waits for an approval, so v1.2 is compared with v1.0
        (["IN_PROGRESS", "WAITING", "ACTIVE"], "2"),
        # a failed deployment may have changed a part
        (["IN_PROGRESS", "FAILURE", "INACTIVE"], ""),
    ],
)
def test_a_release_is_compared_with_what_is_deployed(tmp_path: Path, states: list[str], commit: str) -> None:
    nodes = [{"state": state, "commitOid": str(number)} for number, state in enumerate(states)]
    response = {"data": {"repository": {"deployments": {"nodes": nodes}}}}
    (tmp_path / "response.json").write_text(json.dumps(response))
    gh = tmp_path / "gh"
    gh.write_text(f'#!/bin/sh\ncat "{tmp_path}/response.json"\n')
    gh.chmod(0o755)
    done = subprocess.run(  # noqa: S603 - our own script
        [str(GITHUB / "deployed-commit.sh"), "production"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "GITHUB_REPOSITORY": "owner/name"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == commit


@pytest.mark.parametrize(("ci", "status"), [("true", 1), ("", 0)])
@pytest.mark.parametrize("report", ["", '{"dependencies": [{"name": "a", "skip_reason": "unknown"}]}'])
def test_an_audit_without_a_result_fails_in_ci(tmp_path: Path, ci: str, status: int, report: str) -> None:
    (tmp_path / ".github").mkdir()
    shutil.copy(GITHUB / "audit.sh", tmp_path / ".github")
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    audit = programs / "pip-audit"
    audit.write_text(f'#!/bin/sh\nwhile [ "$1" != --output ]; do shift; done\nprintf %s \'{report}\' >"$2"\n')
    audit.chmod(0o755)
    done = subprocess.run(  # noqa: S603 - our own script
        [str(tmp_path / ".github/audit.sh")],
        env={"PATH": os.environ["PATH"], "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "not checked" in done.stdout) == (status, True), done.stderr


def notes(version: str, changelog: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own script
        [str(GITHUB / "release-notes.sh"), version, str(changelog)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_release_text_is_its_part_of_the_changelog(tmp_path: Path) -> None:
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text(
        "# Changelog\n\n## Unreleased\n\n## [1.2.0] - 2026-11-01\n\n- new\n\n## [1.1.0]\n\n- old\n"
    )
    assert notes("1.2.0", changelog).stdout.strip() == "- new"
    missing = notes("1.3.0", changelog)
    assert missing.returncode == 1
    assert "CHANGELOG.md has no text under '## 1.3.0'" in missing.stderr


def test_dependency_updates_cover_all_files_and_wait_a_week() -> None:
    updates = read(GITHUB / "dependabot.yml")["updates"]
    assert {entry["package-ecosystem"] for entry in updates} == {
        "pip",
        "github-actions",
        "docker",
        "docker-compose",
    }
    assert all(entry["cooldown"]["default-days"] >= 7 for entry in updates)
