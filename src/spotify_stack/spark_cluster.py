"""Starts a Spark cluster for tests and benchmarks: a master and workers on loopback, from pyspark's jars."""

from __future__ import annotations

import importlib.util
import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from spotify_stack.health import NotReady
from spotify_stack.ports import HOST, PortReservation
from spotify_stack.processes import running

PORT = 17_077
WORKER_PORT = 17_100
CLASSES = "org.apache.spark.deploy"


@dataclass(frozen=True)
class SparkCluster:
    """A running standalone cluster; each worker starts one executor."""

    master: str
    workers: tuple[psutil.Process, ...]

    @property
    def conf(self) -> dict[str, str]:
        """Settings of a driver on this machine."""
        return {"spark.driver.host": HOST, "spark.driver.bindAddress": HOST}


@contextmanager
def scratch_spark(folder: Path, *, workers: int) -> Iterator[SparkCluster]:
    """Start a standalone cluster; the master and each worker are JVMs of their own.

    Args:
        folder: Where logs and the files of executors are written.
        workers: Number of workers; each gives one core and 1 GB to its executor.

    Raises:
        NotReady: a process did not start.
    """
    with PortReservation() as reservation, ExitStack() as processes:
        port, ui = (reservation.choose(PORT + offset) for offset in (0, 10))
        master = f"spark://{HOST}:{port}"

        def start(name: str, alive: int, *arguments: str) -> psutil.Process:
            process = running(
                [str(_home() / "bin" / "spark-class"), *arguments],
                check=lambda: _check_workers(ui, alive),
                log=folder / f"{name}.log",
                what=f"Spark {name}",
                environment=_environment(folder),
            )
            return psutil.Process(processes.enter_context(process).pid)

        where = ("--host", HOST, "--port", str(port), "--webui-port", str(ui))
        start("master", 0, f"{CLASSES}.master.Master", *where)
        started = []
        for number in range(1, workers + 1):
            own, own_ui = (reservation.choose(WORKER_PORT + offset) for offset in (0, 50))
            where = ("--host", HOST, "--port", str(own), "--webui-port", str(own_ui))
            share = ("--cores", "1", "--memory", "1g", "--work-dir", str(folder / f"worker-{number}"))
            worker = start(f"worker-{number}", number, f"{CLASSES}.worker.Worker", *where, *share, master)
            started.append(worker)
        yield SparkCluster(master, tuple(started))


def _home() -> Path:
    spec = importlib.util.find_spec("pyspark")
    assert spec is not None  # noqa: S101 - callers have called require_spark
    assert spec.origin is not None  # noqa: S101
    return Path(spec.origin).parent


def _environment(folder: Path) -> Mapping[str, str]:
    return {
        "SPARK_HOME": str(_home()),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "SPARK_DAEMON_MEMORY": "256m",
        # a fixed port that nothing here uses
        "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",
    }


def _check_workers(ui: int, alive: int) -> None:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{ui}/json/", timeout=5) as response:
            found = json.load(response)["aliveworkers"]
    except (OSError, ValueError) as error:
        raise NotReady(f"the master does not respond: {error}") from error
    if found < alive:
        raise NotReady(f"{found} of {alive} workers have registered")
