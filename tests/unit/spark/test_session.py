"""Tests where Spark runs, and the errors if it cannot run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import (
    ConfigurationError,
    ConnectionMissing,
    EngineLost,
    EngineMissing,
    LakeUnavailable,
    PipelineError,
)
from spotify_pipeline.settings import Settings
from spotify_pipeline.spark.session import HERE, cluster_of, require_spark, spark_errors, spark_session


def nowhere(conn_id: str) -> ConnectionInfo:
    raise ConnectionMissing(f"connection '{conn_id}' is not defined")


@pytest.mark.parametrize(
    ("kind", "host", "port", "master"),
    [
        ("spark", "spark://cluster", 7077, "spark://cluster:7077"),
        ("spark", "spark://one:7077,two:7077", None, "spark://one:7077,two:7077"),
        ("spark", "cluster", 7077, "spark://cluster:7077"),
        ("generic", "cluster", 7077, "spark://cluster:7077"),
        ("spark", "local[4]", None, "local[4]"),
        ("spark", "yarn", None, "yarn"),
        ("spark", "k8s://https://cluster:6443", None, "k8s://https://cluster:6443"),
        ("k8s", "cluster", 6443, "k8s://cluster:6443"),
    ],
)
def test_the_connection_gives_the_master(kind: str, host: str, port: int | None, master: str) -> None:
    info = ConnectionInfo("spark_default", kind, host=host, port=port)
    assert cluster_of(lambda _: info, Settings()) == (master, {})


def test_a_setting_takes_precedence_over_the_connection() -> None:
    info = ConnectionInfo("spark_default", "spark", host="cluster", extra={"queue": "its"})
    conf = {"spark.yarn.queue": "mine"}
    assert cluster_of(lambda _: info, Settings(spark_conf=conf)) == ("spark://cluster", conf)
    assert cluster_of(lambda _: info, Settings(spark_master="local[2]")) == ("local[2]", {})
    assert cluster_of(nowhere, Settings(), "local[1]") == ("local[1]", {})
    assert cluster_of(nowhere, Settings()) == (HERE, {})


def test_extras_of_the_provider_become_settings_of_spark() -> None:
    # as the form of the provider stores them
    extra = {
        "queue": "root.default",
        "deploy-mode": "client",
        "spark-binary": "spark-submit",
        "namespace": "jobs",
        "principal": None,
        "keytab": "",
        "rest-scheme": "http",
        "rest-port": "6066",
        "yarn_resourcemanager_webapp_address": None,
    }
    info = ConnectionInfo("spark_default", "spark", host="yarn", extra=extra)
    assert cluster_of(lambda _: info, Settings())[1] == {
        "spark.yarn.queue": "root.default",
        "spark.submit.deployMode": "client",
        "spark.kubernetes.namespace": "jobs",
    }


@pytest.mark.parametrize("name", ["keytab", "spark-home", "spark.executor.memory"])
def test_an_extra_without_effect_is_refused(name: str) -> None:
    info = ConnectionInfo("spark_default", "spark", host="yarn", extra={name: "c2VjcmV0"})
    with pytest.raises(ConfigurationError, match=f"'spark_default' has {name} in its extra") as error:
        cluster_of(lambda _: info, Settings())
    assert "c2VjcmV0" not in str(error.value)


def test_spark_connect_is_refused() -> None:
    info = ConnectionInfo("spark_default", "spark_connect", host="cluster", port=15002)
    with pytest.raises(ConfigurationError, match="does not run over Spark Connect"):
        cluster_of(lambda _: info, Settings())
    with (
        pytest.raises(ConfigurationError, match="does not run over Spark Connect"),
        spark_session("sc://cluster:15002", {}),
    ):
        pytest.fail("Spark was started")


def test_a_driver_on_the_cluster_is_refused() -> None:
    info = ConnectionInfo("spark_default", "spark", host="yarn", extra={"deploy-mode": "cluster"})
    with (
        pytest.raises(ConfigurationError, match="set Spark's deploy mode to client"),
        spark_session(*cluster_of(lambda _: info, Settings())),
    ):
        pytest.fail("Spark was started")


@pytest.mark.parametrize(
    "name", ["spark.authenticate.secret", "spark.hadoop.fs.s3a.access.key", "spark.my.Password"]
)
def test_promise_9_a_secret_in_a_command_line_is_refused(name: str) -> None:
    with (
        pytest.raises(ConfigurationError, match="would appear in a command line") as error,
        spark_session("local[1]", {name: "hunter2"}),
    ):
        pytest.fail("Spark was started")
    assert "hunter2" not in str(error.value)


def test_without_pyspark_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with (
        pytest.raises(EngineMissing, match=r"needs package 'pyspark.*run `make spark`"),
        spark_session("local[1]", {}),
    ):
        pytest.fail("Spark was started")


def test_without_java_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: object())
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineMissing, match="needs Java 17 or newer, and there is none on the PATH"):
        require_spark()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EngineMissing, match=f"JAVA_HOME={tmp_path} holds none"):
        require_spark()


def spark_error(text: str) -> Exception:
    kind = type("Py4JJavaError", (Exception,), {"__module__": "py4j.protocol"})
    return kind(text)  # type: ignore[no-any-return]


def test_an_error_in_an_executor_keeps_its_class() -> None:
    text = "Job aborted\n  File x\nspotify_pipeline.errors.LakeUnavailable: the store is down\n\tat org."
    with pytest.raises(LakeUnavailable, match="^the store is down$"), spark_errors():
        raise spark_error(text)


@pytest.mark.parametrize("text", ["Job aborted", "spotify_pipeline.errors.datetime: x", ""])
def test_an_error_of_spark_itself_is_one_sentence(text: str) -> None:
    with pytest.raises(EngineLost, match="the replay can be run again"), spark_errors():
        raise spark_error(text)


def test_other_errors_are_not_changed() -> None:
    with pytest.raises(ZeroDivisionError), spark_errors():
        raise ZeroDivisionError
    with pytest.raises(PipelineError, match="^as it is$"), spark_errors():
        raise PipelineError("as it is")
