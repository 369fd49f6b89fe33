"""Tests of the embedded S3 stores as real servers."""

from __future__ import annotations

import io
import os
import re
import signal
import socket
import ssl
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from minio import Minio
from minio.error import S3Error

from spotify_stack.health import NotReady
from spotify_stack.object_store import GRPC_OFFSET, PARTS, S3Server, SeaweedServer
from spotify_stack.ports import PortReservation
from spotify_stack.processes import running

pytestmark = pytest.mark.integration


def client_of(store: S3Server) -> Minio:
    return Minio(store.endpoint, store.access_key, store.secret_key, secure=False)


def new_store(folder: Path, reservation: PortReservation, first: int) -> SeaweedServer:
    ports = reservation.choose_all(
        {part: first + number for number, part in enumerate(PARTS)},
        offsets=dict.fromkeys(PARTS, (0, GRPC_OFFSET)),
    )
    store = SeaweedServer(folder / "objects", ports, access_key="key", secret_key="secret-key")
    store.initialise()
    return store


def start(store: SeaweedServer) -> dict[str, Any]:
    return {
        "check": store.check,
        "log": store.data.parent / "log",
        "what": "object store",
        "environment": store.environment(),
    }


def test_an_object_can_be_written_and_read(each_s3_server: S3Server) -> None:
    client = client_of(each_s3_server)
    client.put_object("spotify-lake", "local/test", io.BytesIO(b"body"), 4)
    assert client.get_object("spotify-lake", "local/test").read() == b"body"


def test_wrong_keys_are_refused(each_s3_server: S3Server) -> None:
    server: Any = each_s3_server  # its protocol does not say that it is a dataclass
    for wrong in (replace(server, secret_key="wrong"), replace(server, access_key="nobody")):
        with pytest.raises(S3Error):
            list(client_of(wrong).list_objects("spotify-lake"))
        with pytest.raises(NotReady):
            wrong.check()


def unsigned(method: str, port: int, path: str) -> httpx.Response:
    headers = {"Origin": "https://attacker.example", "Host": "attacker.example"}
    content = b"changed" if method in {"PUT", "POST"} else None
    return httpx.request(
        method, f"http://127.0.0.1:{port}{path}", headers=headers, content=content, timeout=30
    )


@pytest.mark.slow
def test_no_port_serves_an_unsigned_http_request(s3_server: SeaweedServer) -> None:
    client = client_of(s3_server)
    client.put_object("spotify-lake", "doors/object", io.BytesIO(b"body of the object"), 18)
    refused = {"/", "/buckets/spotify-lake/doors/object", "/spotify-lake/doors/object", "/1,01637037d6"}
    # paths at which the master deletes a bucket, or signs requests for any client
    refused |= {
        "/col/delete?collection=spotify-lake",
        "/dir/assign",
        "/dir/lookup?fileId=1,01637037d6&read=yes",
    }
    refused |= {"/submit", "/vol/vacuum", "/vol/grow?count=1", "/.tus/doors"}
    for part, port in s3_server.ports.items():
        for path in refused:
            for method in ("GET", "PUT", "POST", "DELETE"):
                response = unsigned(method, port, path)
                if (part, path) == ("master", "/"):
                    # a page about the servers, without objects; it changes nothing
                    assert "SeaweedFS" in response.text
                else:
                    assert response.status_code >= 400, (part, method, path)
                assert b"body of the object" not in response.content
    assert client.get_object("spotify-lake", "doors/object").read() == b"body of the object"
    assert [item.object_name for item in client.list_objects("spotify-lake", "doors/")] == ["doors/object"]


def grpc_greeting(port: int, context: ssl.SSLContext | None) -> bytes:
    """Open HTTP/2 as gRPC does, and return the server's response, which is empty if it refuses."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            connection = context.wrap_socket(plain) if context else plain
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
            return connection.recv(64)
    except (ssl.SSLError, ConnectionError):
        return b""


def test_grpc_requires_the_certificate_of_the_server(s3_server: SeaweedServer) -> None:
    without = ssl.create_default_context()
    without.check_hostname, without.verify_mode = False, ssl.CERT_NONE
    without.set_alpn_protocols(["h2"])
    peer = ssl.create_default_context(cafile=str(s3_server.certificate))
    peer.load_cert_chain(s3_server.certificate)
    peer.check_hostname = False
    peer.set_alpn_protocols(["h2"])
    settings_frame = 4
    for part, port in s3_server.ports.items():
        greeting = grpc_greeting(port + GRPC_OFFSET, peer)
        assert greeting[3] == settings_frame, part
        for refused in (None, without):
            greeting = grpc_greeting(port + GRPC_OFFSET, refused)
            assert len(greeting) < 9 or greeting[3] != settings_frame, part
    assert stat.S_IMODE(s3_server.certificate.stat().st_mode) == 0o600


def test_no_other_user_may_write_to_the_unix_sockets(s3_server: SeaweedServer) -> None:
    ports = "|".join(str(port + offset) for port in s3_server.ports.values() for offset in (0, GRPC_OFFSET))
    sockets = [
        path
        for path in Path("/tmp").glob("seaweedfs-*.sock")  # noqa: S108 - SeaweedFS chooses it
        if path.stem.rsplit("-", 1)[-1] in ports.split("|")
    ]
    assert sockets
    assert [path for path in sockets if path.stat().st_mode & 0o022] == []


def test_the_number_of_volumes_is_fixed(s3_server: SeaweedServer) -> None:
    # by default there are as many volumes as fit on the disk, and each bucket uses several
    page = httpx.get(f"http://127.0.0.1:{s3_server.ports['master']}/").text
    rows = dict(re.findall(r"<th>([^<]+)</th>\s*<td>([^<]+)</td>", page))
    assert rows["Max"] == "1000"


def test_writing_to_a_missing_bucket_does_not_create_it(each_s3_server: S3Server) -> None:
    with pytest.raises(S3Error) as refused:
        client_of(each_s3_server).put_object("no-such-bucket", "key", io.BytesIO(b"x"), 1)
    assert refused.value.code == "NoSuchBucket"


def test_all_ports_are_loopback_and_as_configured(tmp_path: Path, port_reservation: PortReservation) -> None:
    store = new_store(tmp_path, port_reservation, 15_600)
    with running(store.command(), **start(store)) as process:
        listening = {
            connection.laddr
            for connection in psutil.Process(process.pid).net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }
    store.remove_sockets()
    assert {address.ip for address in listening} == {"127.0.0.1"}
    expected = {port + offset for port in store.ports.values() for offset in (0, GRPC_OFFSET)}
    assert {address.port for address in listening} == expected


def test_objects_survive_sigkill_and_a_change_of_ports(
    tmp_path: Path, port_reservation: PortReservation
) -> None:
    store = new_store(tmp_path, port_reservation, 15_600)
    with running(store.command(), **start(store)) as process:
        for number in range(20):
            client_of(store).put_object("spotify-lake", f"kept/{number}", io.BytesIO(b"%02d" % number), 2)
        os.killpg(process.pid, signal.SIGKILL)
    moved = new_store(tmp_path, port_reservation, 15_650)
    assert set(moved.ports.values()).isdisjoint(store.ports.values())
    with running(moved.command(), **start(moved)):
        client = client_of(moved)
        bodies = {int(client.get_object("spotify-lake", f"kept/{number}").read()) for number in range(20)}
    for each in (store, moved):
        each.remove_sockets()
        assert not list(Path("/tmp").glob(f"seaweedfs-*-{each.port}.sock"))  # noqa: S108 - SeaweedFS chooses it
    assert bodies == set(range(20))
