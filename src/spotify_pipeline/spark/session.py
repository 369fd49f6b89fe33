"""Starts a Spark session in this process, with executors here or on a cluster (client mode)."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from spotify_pipeline import errors
from spotify_pipeline.connections import ConnectionLookup
from spotify_pipeline.errors import (
    ConfigurationError,
    ConnectionMissing,
    EngineLost,
    EngineMissing,
    PipelineError,
)
from spotify_pipeline.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)
LOOPBACK = "127.0.0.1"
SPARK_DEFAULT = "spark_default"
HERE = "local[*,3]"
"""This machine with all cores; each task is tried up to three times."""
_DEFAULTS = {
    # no web UI by default
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "WARN",
    "spark.sql.session.timeZone": "UTC",
}
# extra of a connection of Airflow's Spark provider -> Spark's own name
_EXTRA = {
    "deploy-mode": "spark.submit.deployMode",
    "namespace": "spark.kubernetes.namespace",
    "queue": "spark.yarn.queue",
}
# extras of `spark-submit` and of drivers on the cluster, which the provider's form fills in
_OF_CLUSTER_MODE = {"spark-binary", "rest-scheme", "rest-port", "yarn_resourcemanager_webapp_address"}
_NO_CONNECT = (
    "the Spark engine does not run over Spark Connect (sc://), which has no RDDs: give the cluster's master, "
    "such as spark://host:7077"
)
_SECRET = re.compile(r"secret|password|token|credential|(access|private)[._]?key", re.IGNORECASE)
_OWN_ERROR = re.compile(r"spotify_pipeline\.errors\.(\w+): (.*)")


def cluster_of(
    lookup: ConnectionLookup, settings: Settings, master: str | None = None
) -> tuple[str, dict[str, str]]:
    """Return the master of Spark and Spark's own settings.

    The master is `master`, else the setting, else that of connection `spark_default`, else this machine. The
    connection is read as Airflow's Spark provider reads it.

    Raises:
        ConfigurationError: the connection names no host, is of Spark Connect, or has an unknown extra.
    """
    if named := master or settings.spark_master:
        return named, settings.spark_conf
    try:
        info = lookup(SPARK_DEFAULT)
    except ConnectionMissing:
        return HERE, settings.spark_conf
    if info.conn_type == "spark_connect":
        raise ConfigurationError(_NO_CONNECT)
    extra = {name: value for name, value in info.extra.items() if value not in (None, "")}
    if unknown := sorted(extra.keys() - _EXTRA.keys() - _OF_CLUSTER_MODE):
        raise ConfigurationError(
            f"connection '{SPARK_DEFAULT}' has {', '.join(unknown)} in its extra, which the replay does not "
            "use: remove it, and put Spark's own settings into SPOTIFY_PIPELINE_SPARK_CONF"
        )
    host = info.require("host")
    if "://" not in host and not host.startswith(("local", "yarn")):
        # of a connection in the form of a URI, the type is the scheme
        scheme = "spark" if info.conn_type == "generic" else info.conn_type
        host = f"{scheme}://{host}"
    conf = {_EXTRA[name]: str(value) for name, value in extra.items() if name in _EXTRA}
    return f"{host}:{info.port}" if info.port else host, conf | settings.spark_conf


@contextmanager
def spark_session(master: str, conf: Mapping[str, str]) -> Iterator[SparkSession]:
    """Start Spark, and stop it at the end.

    Args:
        master: `local[2]`, `spark://host:7077`, or another master of Spark.
        conf: Spark's own settings, which replace the defaults. They appear in a command line, so secrets are
            refused.

    Raises:
        EngineMissing: pyspark or Java is missing, or Java is too old.
        EngineLost: the cluster cannot be reached, or a job of it was lost.
        ConfigurationError: a setting holds a secret, or it asks for what the engine does not support.
    """
    for name in conf:
        if _SECRET.search(name):
            raise ConfigurationError(
                f"SPOTIFY_PIPELINE_SPARK_CONF sets {name}, which would appear in a command line: set it in "
                "spark-defaults.conf of the machine (SPARK_CONF_DIR)"
            )
    if master.startswith("sc://"):
        raise ConfigurationError(_NO_CONNECT)
    if conf.get("spark.submit.deployMode", "client") != "client":
        raise ConfigurationError(
            "the driver of a replay runs in the task or the command: set Spark's deploy mode to client"
        )
    require_spark()
    from pyspark.sql import SparkSession as Session  # noqa: PLC0415 - an extra, and slow to import

    # it logs each connection to the JVM
    logging.getLogger("py4j").setLevel(logging.WARNING)
    is_local = master.startswith("local")
    builder = Session.builder.master(master).appName("spotify_replay")
    for name, value in (_DEFAULTS | (_here() if is_local else {}) | dict(conf)).items():
        builder = builder.config(name, value)
    with _environment(is_local, conf):
        try:
            session = builder.getOrCreate()
        except Exception as error:  # pyspark and py4j have many
            raise _translated(error, f"Spark does not start with master '{master}'") from error
        try:
            with spark_errors():
                yield session
        finally:
            _stop(session)


@contextmanager
def spark_errors() -> Iterator[None]:
    """Convert errors of a Spark job into errors of the pipeline.

    Raises:
        EngineLost: the cluster was lost, or a task failed too often.
        PipelineError: an executor raised it.
    """
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("py4j", "pyspark"):
            raise
        raise _translated(error, "a job of Spark failed") from error


def require_spark() -> None:
    """Check that a Spark driver can run here.

    Raises:
        EngineMissing: pyspark or Java is missing.
    """
    if importlib.util.find_spec("pyspark") is None:
        raise EngineMissing(
            "the Spark engine needs package 'pyspark': run `make spark`, or install the project with extra "
            "`spark`; the local engine does not need it"
        )
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=str(Path(home) / "bin") if home else None) is None:
        where = f"JAVA_HOME={home} holds none" if home else "there is none on the PATH and JAVA_HOME is unset"
        raise EngineMissing(
            f"the Spark engine needs Java 17 or newer, and {where}: install a JRE, or use the local engine"
        )


def _here() -> dict[str, str]:
    cores = os.cpu_count() or 1
    return {
        "spark.driver.host": LOOPBACK,
        "spark.driver.bindAddress": LOOPBACK,
        # 200 by default, for a cluster
        "spark.sql.shuffle.partitions": str(4 * cores),
    }


@contextmanager
def _environment(is_local: bool, conf: Mapping[str, str]) -> Iterator[None]:
    """Set the variables that Spark reads only from the environment: address of its UI, Python of executors.

    The Python of a cluster's executors is the one that the user names, else the path of this one.
    """
    if is_local:
        wanted = {"SPARK_LOCAL_IP": LOOPBACK, "PYSPARK_PYTHON": sys.executable}
    else:
        named = conf.get("spark.pyspark.python") or os.environ.get("PYSPARK_PYTHON")
        wanted = {"PYSPARK_PYTHON": named or sys.executable}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _stop(session: SparkSession) -> None:
    from pyspark import SparkContext  # noqa: PLC0415

    try:
        session.stop()
    except Exception as error:
        log.warning("Spark did not stop in order: %s", _words(error))
    # its JVM would live as long as this process
    gateway = SparkContext._gateway
    if gateway is not None:
        gateway.shutdown()
        process = getattr(gateway, "proc", None)
        if process is not None:
            process.stdin.close()
            process.wait(timeout=60)
        SparkContext._gateway = SparkContext._jvm = None


def _translated(error: Exception, what: str) -> PipelineError:
    own = _OWN_ERROR.search(str(error))
    cls = getattr(errors, own[1], None) if own else None
    if own and isinstance(cls, type) and issubclass(cls, PipelineError):
        return cls(own[2].strip())
    if "JAVA_GATEWAY_EXITED" in str(error) or "UnsupportedClassVersionError" in str(error):
        return EngineMissing(f"{what}: Java ended first, see its message above; Spark needs Java 17 or newer")
    return EngineLost(
        f"{what} ({_words(error)}): see that the cluster runs and read the log; the replay can be run again"
    )


def _words(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
