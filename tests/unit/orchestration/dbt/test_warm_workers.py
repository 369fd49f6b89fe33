"""Tests what the scheduler loads before it forks workers.

What is loaded is seen in a process of its own, because this one has loaded everything already.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.openlineage import conf as openlineage

from spotify_pipeline.orchestration.dbt import warm_workers
from spotify_pipeline.settings import PROJECT_ROOT

WARM_UP = """
import json, linecache, os, sys, threading, time
import psutil
process = psutil.Process()
def now():
    return {
        "threads": threading.active_count(),
        "os_threads": process.num_threads(),
        "files": sorted(file.path for file in process.open_files()),
        "connections": len(process.net_connections("all")),
        # multiprocessing's resource tracker is made to be shared by forks
        "children": [c.cmdline() for c in process.children() if "resource_tracker" not in str(c.cmdline())],
        "folder": os.getcwd(),
        "temporary": sorted(os.listdir(os.environ["TMPDIR"])),
    }
import airflow.settings
from spotify_pipeline.orchestration.dbt import warm_workers
before = now()
from pathlib import Path
warm_workers.warm_up(Path(sys.argv[2]))
found = {"before": before, "after": now(), "modules": sorted(sys.modules), "files": sorted(linecache.cache)}
child = os.fork()
if child == 0:
    from dbt_extractor import py_extract_from_source
    py_extract_from_source("select * from {{ ref('a') }}")
    os._exit(0)
for _ in range(100):
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        break
    time.sleep(0.1)
else:
    os.kill(child, 9)
found["fork_parses"] = bool(ended) and status == 0
open(sys.argv[1], "w").write(json.dumps(found))
"""


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("warm")
    (folder / "tmp").mkdir()
    environment = os.environ | {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
        "TMPDIR": str(folder / "tmp"),
    }
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-c", WARM_UP, str(folder / "found.json"), str(PROJECT_ROOT / "dbt")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return found | {"output": done.stdout + done.stderr}


@pytest.mark.slow
def test_warming_up_leaves_no_threads_files_or_connections(warm: dict[str, Any]) -> None:
    assert warm["after"] == warm["before"]


@pytest.mark.slow
def test_a_fork_can_still_parse_a_changed_dbt_project(warm: dict[str, Any]) -> None:
    assert warm["fork_parses"], "a native thread pool was started before the fork"


@pytest.mark.slow
def test_every_module_is_loaded(warm: dict[str, Any]) -> None:
    assert "stay cold" not in warm["output"]
    assert {*warm_workers.DAG_MODULES, *warm_workers.TASK_MODULES} <= set(warm["modules"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "file", ["cosmos/operators/local.py", "dbt/cli/requires.py", "sdk/execution_time/task_runner.py"]
)
def test_the_lines_of_files_on_the_call_stack_are_read(warm: dict[str, Any], file: str) -> None:
    assert any(path.endswith(file) for path in warm["files"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dbt.task.test", "dbt.task.run", "dbt.task.seed", "dbt.task.freshness"])
def test_every_command_of_dbt_that_a_task_runs_is_loaded(warm: dict[str, Any], name: str) -> None:
    assert name in warm["modules"]


@pytest.mark.slow
def test_the_code_of_the_pipeline_is_loaded(warm: dict[str, Any]) -> None:
    assert {"spotify_pipeline.orchestration.dbt.publication", "spotify_pipeline.stages.publish"} <= set(
        warm["modules"]
    )


FORK = """
import os, sys
from spotify_pipeline.orchestration.dbt import warm_workers
warm_workers._drop_changed_code_in_forks()
def fork():
    if os.fork() == 0:
        kept = "spotify_pipeline.files" in sys.modules
        from spotify_pipeline import files
        print(kept, getattr(files, "NEW", None), flush=True)
        os._exit(0)
    os.wait()
fork()
open(sys.argv[1], "a").write("NEW = 1")
fork()
"""


def test_a_fork_imports_changed_code_again(tmp_path: Path) -> None:
    shutil.copytree(PROJECT_ROOT / "src/spotify_pipeline", tmp_path / "spotify_pipeline")
    shown = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-c", FORK, str(tmp_path / "spotify_pipeline/files.py")],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines() == ["True None", "False 1"]


def test_an_absent_package_does_not_stop_the_scheduler(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(warm_workers, "DAG_MODULES", ("no_such_package", "json"))
    monkeypatch.setattr(warm_workers, "TASK_MODULES", ())
    monkeypatch.setattr(warm_workers, "PACKAGES", ())
    monkeypatch.setattr(warm_workers, "_parse", lambda _project: None)
    warm_workers.warm_up()
    assert "workers stay cold for no_such_package" in caplog.text


@pytest.mark.parametrize("wanted", [True, False])
def test_modules_of_lineage_are_loaded_only_if_it_is_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, wanted: bool
) -> None:
    monkeypatch.setattr(warm_workers, "DAG_MODULES", ())
    monkeypatch.setattr(warm_workers, "TASK_MODULES", ())
    monkeypatch.setattr(warm_workers, "PACKAGES", ())
    monkeypatch.setattr(warm_workers, "LINEAGE_MODULES", (*warm_workers.LINEAGE_MODULES, "no_such_lineage"))
    monkeypatch.setattr(warm_workers, "_parse", lambda _project: None)
    monkeypatch.setattr(openlineage, "is_disabled", lambda: not wanted)
    warm_workers.warm_up()
    cold = [line for line in caplog.messages if "stay cold" in line]
    assert [line.partition(":")[0] for line in cold] == ["workers stay cold for no_such_lineage"] * wanted


PARSE = """
import os, sys
from pathlib import Path
import airflow.settings
from airflow.dag_processing.dagbag import BundleDagBag
from spotify_pipeline.orchestration.dbt import warm_workers
root = Path(sys.argv[1])
warm_workers.warm_up_parsing(root / "dbt")
before = set(sys.modules)
for file in sorted((root / "dags").glob("*.py")):
    bag = BundleDagBag(file, bundle_path=root / "dags", bundle_name="dags-folder", load_op_links=False)
    assert not bag.import_errors and bag.dags, bag.import_errors
packages = ("airflow.sdk", "airflow.providers", "cosmos", "spotify_pipeline", "pydantic", "sqlalchemy")
print([name for name in sorted(set(sys.modules) - before) if name.startswith(packages)])
"""


@pytest.mark.slow
def test_parsing_a_dag_file_imports_nothing_more(tmp_path: Path) -> None:
    shown = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-c", PARSE, str(PROJECT_ROOT)],
        env=os.environ
        | {
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("command", "executor", "warmed"),
    [
        ("scheduler", "LocalExecutor", "warm_up"),
        ("scheduler", "CeleryExecutor,LocalExecutor", "warm_up"),
        ("scheduler", "CeleryExecutor", ""),
        ("celery worker", "CeleryExecutor", "warm_up"),
        ("celery flower", "CeleryExecutor", ""),
        ("dag-processor", "CeleryExecutor", "warm_up_parsing"),
        ("api-server", "LocalExecutor", ""),
        ("", "LocalExecutor", ""),
    ],
)
def test_processes_that_fork_are_warmed_up(
    monkeypatch: pytest.MonkeyPatch, command: str, executor: str, warmed: str
) -> None:
    calls: list[tuple[str, Path]] = []
    for name in ("warm_up", "warm_up_parsing"):
        monkeypatch.setattr(warm_workers, name, lambda project, name=name: calls.append((name, project)))
    monkeypatch.setattr(sys, "argv", ["airflow", *command.split()])
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    runpy.run_path(str(PROJECT_ROOT / "config/airflow_local_settings.py"))
    assert calls == [(warmed, PROJECT_ROOT / "dbt")] * bool(warmed)
