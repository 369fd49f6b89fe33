"""Checks the files of the project that the containers of `astro dev start` read."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from spotify_pipeline.doctor.finding import Finding, Findings

# mounted, by the CLI or by docker-compose.override.yml
MOUNTED = ("dags", "dbt", "docker", "include", "plugins", "src")
# folders that only this machine's user needs
PRIVATE = frozenset({"__pycache__", "target", "logs"})


def check_readable(project: Path) -> Findings:
    """Check that all users can read the mounted files, since containers run as users of their own.

    A clone with umask 077 cannot be read by them. Docker Desktop maps owners, so this matters on Linux only.
    """
    subject = "files for the containers"
    unreadable = list(_unreadable(project)) if sys.platform == "linux" else []
    if not unreadable:
        yield Finding(subject)
        return
    others = f" and {len(unreadable) - 1} more" if len(unreadable) > 1 else ""
    yield Finding(
        subject,
        f"containers cannot read {unreadable[0].relative_to(project)}{others}: run "
        f"`chmod -R o+rX {' '.join(name for name in MOUNTED if (project / name).exists())}` in {project}",
    )


def check_env_file(project: Path) -> Findings:
    """Check that `.env` sets nothing that the `environment:` of docker-compose.override.yml replaces."""
    try:
        lines = (project / ".env").read_text().splitlines()
        override = yaml.safe_load((project / "docker-compose.override.yml").read_text())
    except (OSError, yaml.YAMLError):
        return
    names = {match[1] for line in lines if (match := re.match(r"\s*(?:export\s+)?(\w+)\s*=", line))}
    replaced = override["services"]["scheduler"]["environment"]
    ignored = sorted(names & set(replaced))
    for name in ignored:
        shell = re.match(r"\$\{(\w+):-", str(replaced[name]))
        way_out = f"set {shell[1]} in the shell" if shell else "change it there"
        yield Finding(
            f"{name} in .env", f"{name} in .env is ignored, docker-compose.override.yml sets it: {way_out}"
        )
    if not ignored:
        yield Finding(".env")


def _unreadable(project: Path) -> Iterator[Path]:
    waiting = [project / name for name in MOUNTED if (project / name).exists()]
    while waiting:
        path = waiting.pop()
        mode = path.stat().st_mode
        needed = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
        if mode & needed != needed:
            yield path
        if path.is_dir():
            children = (child for child in sorted(path.iterdir()) if child.name not in PRIVATE)
            waiting += [child for child in children if child.exists()]  # a symlink may lead nowhere
