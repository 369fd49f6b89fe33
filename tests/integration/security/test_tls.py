"""Tests of TLS to the warehouse and the object store, with certificates of a private authority."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import ConfigurationError, LakeUnavailable, PipelineError, WarehouseUnavailable
from spotify_pipeline.lake import Lake
from spotify_pipeline.warehouse.connection import open_connection
from spotify_stack.health import NotReady
from spotify_stack.object_store import GRPC_OFFSET, HOST, PARTS, MinioServer, SeaweedServer, find_minio
from spotify_stack.ports import PortReservation
from spotify_stack.postgres import SUPERUSER, PostgresServer
from spotify_stack.processes import running
from spotify_stack.state import MINIO, STORES
from tests.integration.security.certificates import Authority, Certificate
from tests.integration.security.tls_front import tls_front

pytestmark = pytest.mark.integration
FIRST_PORT = 15_700
OTHER_HOST = "store.invalid"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder, "private-authority")


@pytest.fixture(scope="module")
def other_authority(folder: Path) -> Authority:
    return Authority(folder, "another-authority")


def with_extra(info: ConnectionInfo, **extra: object) -> ConnectionInfo:
    return ConnectionInfo(
        info.conn_id, info.conn_type, info.host, info.port, info.login, info.password, info.schema, extra
    )


@contextmanager
def warehouse(server: PostgresServer, certificate: Certificate) -> Iterator[ConnectionInfo]:
    """Yield the connection, without TLS options, of a Postgres that has this certificate."""
    with tls_front(HOST, server.port, certificate) as port:
        yield ConnectionInfo(
            "warehouse_ingest", "postgres", HOST, port, SUPERUSER, server.password, "postgres"
        )


@pytest.fixture(scope="module")
def warehouse_info(
    folder: Path, postgres_server: PostgresServer, authority: Authority
) -> Iterator[ConnectionInfo]:
    with warehouse(postgres_server, authority.sign(HOST, folder / "warehouse")) as info:
        yield info


def test_a_warehouse_with_a_valid_certificate_is_accepted(
    warehouse_info: ConnectionInfo, authority: Authority
) -> None:
    verified = with_extra(warehouse_info, sslmode="verify-full", sslrootcert=str(authority.path))
    with open_connection(verified) as connection:
        assert connection.pgconn.ssl_in_use
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_warehouse_of_another_authority_is_refused(
    warehouse_info: ConnectionInfo, other_authority: Authority
) -> None:
    wrong = with_extra(warehouse_info, sslmode="verify-full", sslrootcert=str(other_authority.path))
    with pytest.raises(PipelineError, match="warehouse_ingest.*certificate verify failed"):
        open_connection(wrong)


def test_a_warehouse_with_another_host_s_certificate_is_refused(
    folder: Path, postgres_server: PostgresServer, authority: Authority
) -> None:
    with warehouse(postgres_server, authority.sign(OTHER_HOST, folder / "impostor")) as info:
        extra = {"sslmode": "verify-full", "sslrootcert": str(authority.path)}
        with pytest.raises(WarehouseUnavailable, match="does not match host name"):
            open_connection(with_extra(info, **extra))
        # verify-ca does not check the host name, which is why the documentation says verify-full
        open_connection(with_extra(info, **extra | {"sslmode": "verify-ca"})).close()


def test_a_client_certificate_is_sent_to_the_warehouse(
    folder: Path, postgres_server: PostgresServer, authority: Authority
) -> None:
    own = authority.sign("spotify_ingest", folder / "client")
    front = tls_front(
        HOST, postgres_server.port, authority.sign(HOST, folder / "mutual"), clients=authority.path
    )
    with front as port:
        info = ConnectionInfo(
            "warehouse_ingest", "postgres", HOST, port, SUPERUSER, postgres_server.password, "postgres"
        )
        extra = {"sslmode": "verify-full", "sslrootcert": str(authority.path)}
        with pytest.raises(WarehouseUnavailable, match="certificate required|closed the connection"):
            open_connection(with_extra(info, **extra))
        shown = with_extra(info, **extra, sslcert=str(own.certificate), sslkey=str(own.key))
        with open_connection(shown) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_dbt_gets_the_same_tls_options(monkeypatch: pytest.MonkeyPatch) -> None:
    from spotify_pipeline.orchestration.dbt.profile import WarehouseProfileMapping

    options = {
        "sslmode": "verify-full",
        "sslrootcert": "/etc/ssl/private-ca.pem",
        "sslcert": "/etc/ssl/spotify_dbt.pem",
        "sslkey": "/etc/ssl/spotify_dbt.key",
    }
    connection = {
        "conn_type": "postgres",
        "host": "db.example.com",
        "login": "spotify_dbt",
        "password": "of-tests",
        "schema": "warehouse",
        "extra": options,
    }
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DBT", json.dumps(connection))
    profile = WarehouseProfileMapping("warehouse_dbt").profile
    assert options.items() <= profile.items()
    assert "of-tests" not in str(profile)


@contextmanager
def store(
    kind: str, folder: Path, reservation: PortReservation, authority: Authority, host: str
) -> Iterator[ConnectionInfo]:
    """Yield the connection, without a ca_file, of an S3 server whose certificate is for `host`."""
    server: SeaweedServer | MinioServer
    if kind == MINIO:
        if find_minio() is None:
            pytest.skip("MinIO is not built: make minio, which needs Go")
        port = reservation.choose(FIRST_PORT + 10)
        server = MinioServer(folder / "data", port, "test-access", "test-secret-key")
        server.initialise()
        certificate = authority.sign(host, server.certificates)
        command = server.command()
    else:
        ports = reservation.choose_all(
            {part: FIRST_PORT + 20 + number for number, part in enumerate(PARTS)},
            offsets=dict.fromkeys(PARTS, (0, GRPC_OFFSET)),
        )
        server = SeaweedServer(folder / "data", ports, "test-access", "test-secret-key")
        server.initialise()
        certificate = authority.sign(host, folder / "certificate")
        command = [
            *server.command(),
            f"-s3.cert.file={certificate.certificate}",
            f"-s3.key.file={certificate.key}",
        ]
    extra = {"secure": True}
    info = ConnectionInfo(
        "spotify_lake", "generic", HOST, server.port, "test-access", "test-secret-key", server.bucket, extra
    )
    trusting = with_extra(info, secure=True, ca_file=str(authority.path))

    def check() -> None:
        try:
            Lake(trusting).create_bucket()  # SeaweedFS creates none when it serves only TLS
        except LakeUnavailable as error:
            raise NotReady(str(error)) from error
        except ConfigurationError:
            if host == HOST:
                raise

    with running(
        command, check=check, log=folder / "log", what=f"{kind} with TLS", environment=server.environment()
    ):
        yield info
    server.remove_sockets()


@pytest.fixture(scope="module", params=STORES)
def store_info(
    request: pytest.FixtureRequest, folder: Path, port_reservation: PortReservation, authority: Authority
) -> Iterator[ConnectionInfo]:
    place = folder / request.param
    place.mkdir()
    with store(request.param, place, port_reservation, authority, HOST) as info:
        yield info


def test_a_store_with_a_valid_certificate_is_accepted(
    store_info: ConnectionInfo, authority: Authority
) -> None:
    lake = Lake(with_extra(store_info, secure=True, ca_file=str(authority.path)))
    lake.put("raw/over-tls", b"body")
    assert lake.get("raw/over-tls").data == b"body"
    assert lake.address.startswith("https://")


def test_a_store_of_another_authority_is_refused_at_once(
    store_info: ConnectionInfo, other_authority: Authority
) -> None:
    for extra in ({"secure": True}, {"secure": True, "ca_file": str(other_authority.path)}):
        with pytest.raises(ConfigurationError, match="cannot be verified.*ca_file.*'spotify_lake'"):
            Lake(with_extra(store_info, **extra)).check()


def test_a_store_with_tls_refuses_a_connection_without(store_info: ConnectionInfo) -> None:
    with pytest.raises(PipelineError):
        Lake(with_extra(store_info, secure=False)).check()


def test_a_store_with_another_host_s_certificate_is_refused(
    folder: Path, port_reservation: PortReservation, authority: Authority
) -> None:
    place = folder / "impostor-store"
    place.mkdir()
    with (
        store(STORES[0], place, port_reservation, authority, OTHER_HOST) as info,
        pytest.raises(ConfigurationError, match="cannot be verified"),
    ):
        Lake(with_extra(info, secure=True, ca_file=str(authority.path))).check()


def test_the_error_for_a_missing_ca_file_names_it_and_the_fix() -> None:
    info = ConnectionInfo("spotify_lake", "generic", HOST, 9000, "user", "password", "bucket")
    with pytest.raises(ConfigurationError, match="ca_file '/no/such.pem', which is not a file: mount it"):
        Lake(with_extra(info, secure=True, ca_file="/no/such.pem"))
